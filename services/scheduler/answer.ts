import { dimensions, resourceLimits } from '../../shared/domain/resources.ts'
import { type ReceivedEstimate, toEstimate } from '../../shared/wire/estimate.ts'
import type { EstimateResult } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'

export type EstimateAnswer =
  | {
      readonly kind: 'estimate'
      readonly estimate: ReceivedEstimate
      /** 0 for one that was just made. */
      readonly ageMs: number
    }
  | { readonly kind: 'unavailable'; readonly reason: string }

/** Throws on what no estimator may say: better the request than garbage. */
export function readResult({ result }: EstimateResult): EstimateAnswer {
  if (result?.$case === 'rejection') {
    const [first] = result.value.violations
    return { kind: 'unavailable', reason: `refused: ${first?.field ?? '?'} ${first?.description ?? ''}` }
  }
  if (result === undefined) throw new Error('the answer is empty')
  const estimate = toEstimate(result.value)
  for (const dimension of dimensions) {
    const value = estimate.resources[dimension]
    if (value !== undefined && !(value > 0 && value <= resourceLimits[dimension])) {
      throw new Error(`the answer has ${dimension} ${value}`)
    }
  }
  if (!(estimate.confidence >= 0 && estimate.confidence <= 1)) {
    throw new Error(`the answer has confidence ${estimate.confidence}`)
  }
  return { kind: 'estimate', estimate, ageMs: 0 }
}
