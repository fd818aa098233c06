import { dimensionEnum } from '../../shared/wire/enums.ts'
import { EstimateToken } from '../../shared/wire/gen/foresize/internal/v1/estimate_token.ts'
import type { TokenEstimate } from './domain/accuracy.ts'

/** More strategies than any estimator has: a token that names more was not made by one. */
const maxStrategies = 64

/** What the estimate said; undefined where there is no token, or one that an estimator of this pair did not make. */
export function readEstimateToken(token: Uint8Array): TokenEstimate | undefined {
  if (token.length === 0) return undefined
  let message: EstimateToken
  try {
    message = EstimateToken.decode(token)
  } catch {
    return undefined
  }
  if (message.strategies.length > maxStrategies || message.dimensions.length > maxStrategies) return undefined
  const dimensions = message.dimensions.flatMap(
    ({ dimension: wire, allocation, confidence, predictions }) => {
      const dimension = dimensionEnum.toWord(wire)
      if (!dimension || !isAmount(allocation) || !(confidence >= 0 && confidence <= 1)) return []
      return [
        {
          dimension,
          allocation,
          confidence,
          predictions: message.strategies.map((strategy, index) => ({
            strategy,
            value: isAmount(predictions[index]) ? predictions[index] : undefined,
          })),
        },
      ]
    },
  )
  return { variant: message.variant, dimensions }
}

const isAmount = (value: number | undefined) =>
  value !== undefined && value > 0 && value < Number.POSITIVE_INFINITY
