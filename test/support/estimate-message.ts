import type { Estimate } from '../../shared/domain/estimate.ts'
import { clampKindEnum, dimensionEnum, estimateSourceEnum } from '../../shared/wire/enums.ts'
import { fromNotice } from '../../shared/wire/estimate.ts'
import { EstimateToken } from '../../shared/wire/gen/foresize/internal/v1/estimate_token.ts'
import type * as gen from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { limits } from '../../shared/wire/limits.ts'

/** An estimate as the message that a generated encoder takes. */
export function messageOf(estimate: Estimate, stalenessMs: number): gen.Estimate {
  return {
    ...estimate,
    variant: estimate.variant ?? '',
    stalenessMs,
    source: estimateSourceEnum.toWire(estimate.source),
    estimateToken: tokenOf(estimate),
    dimensions: estimate.dimensions.map((d) => ({
      ...d,
      dimension: dimensionEnum.toWire(d.dimension),
      source: estimateSourceEnum.toWire(d.source),
      strategy: d.strategy ?? '',
      predictions: d.predictions.map((prediction) => ({ ...prediction, reason: prediction.reason ?? '' })),
      clamps: d.clamps.map((clamp) => ({ ...clamp, kind: clampKindEnum.toWire(clamp.kind) })),
    })),
    notices: estimate.notices.map(fromNotice),
  }
}

function tokenOf({ profileRevision, variant = '', dimensions }: Estimate): Buffer {
  const strategies = [...new Set(dimensions.flatMap((d) => d.predictions.map(({ strategy }) => strategy)))]
  const bytes = EstimateToken.encode({
    profileRevision,
    variant,
    strategies,
    dimensions: dimensions.map(({ dimension, allocation, overhead = 0, confidence, predictions }) => ({
      dimension: dimensionEnum.toWire(dimension),
      allocation: allocation - overhead,
      confidence,
      predictions: strategies.map(
        (name) => predictions.find(({ strategy }) => strategy === name)?.value ?? 0,
      ),
    })),
  }).finish()
  return bytes.length > limits.estimateTokenBytes ? Buffer.alloc(0) : Buffer.from(bytes)
}
