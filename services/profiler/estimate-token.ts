import { BinaryReader } from '@bufbuild/protobuf/wire'
import { type Dimension, resourceLimits } from '../../shared/domain/resources.ts'
import { dimensionEnum } from '../../shared/wire/enums.ts'
import { readName } from '../../shared/wire/fields.ts'
import { EstimateToken } from '../../shared/wire/gen/foresize/internal/v1/estimate_token.ts'
import { inspection } from '../../shared/wire/inspection.ts'
import { utf8Text } from '../../shared/wire/utf8.ts'
import type { TokenEstimate } from './domain/accuracy.ts'

/** More strategies than any estimator has: a token that names more was not made by one. */
const maxStrategies = 32

/** No strategy or variant has a longer name, in UTF-16 units. */
const maxNameLength = 64

/**
 * What the estimate said; undefined where there is no token, or one that an estimator of this pair did not make. It comes
 * by way of the worker, so nothing in it is believed that could not be stored.
 */
export function readEstimateToken(token: Uint8Array): TokenEstimate | undefined {
  if (token.length === 0) return undefined
  let message: EstimateToken
  try {
    message = EstimateToken.decode(new BinaryReader(token, utf8Text))
  } catch {
    return undefined
  }
  const { strategies, variant } = message
  if (
    strategies.length > maxStrategies ||
    !strategies.every(isName) ||
    (variant !== '' && !isName(variant))
  ) {
    return undefined
  }
  const answered = new Map<Dimension, TokenEstimate['dimensions'][number]>()
  for (const { dimension: wire, allocation, confidence, predictions } of message.dimensions) {
    const dimension = dimensionEnum.toWord(wire)
    if (!dimension || !isAmount(allocation, dimension) || !(confidence >= 0 && confidence <= 1)) continue
    answered.set(dimension, {
      dimension,
      allocation,
      confidence,
      predictions: strategies.map((strategy, index) => {
        const value = predictions[index]
        return { strategy, value: isAmount(value, dimension) ? value : undefined }
      }),
    })
  }
  return { variant, dimensions: [...answered.values()] }
}

const isAmount = (value: number | undefined, dimension: Dimension): value is number =>
  value !== undefined && value > 0 && value <= resourceLimits[dimension]

function isName(name: string): boolean {
  return name !== '' && name.length <= maxNameLength && inspectable(name)
}

function inspectable(name: string): boolean {
  const seen = inspection()
  readName(name, '', seen)
  return seen.violations.length === 0
}
