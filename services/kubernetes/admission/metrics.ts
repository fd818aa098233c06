import type { Registry } from 'prom-client'
import { certificateExpiryUnixSeconds } from '../../../shared/rpc/certificates.ts'
import type { HttpServer } from '../../../shared/rpc/http-server.ts'
import { counterOf, countersOf, gaugeOf, gaugesOf, histogramOf } from '../../../shared/runtime/metrics.ts'
import type { EstimatorClient } from '../../scheduler/client.ts'
import type { Admitted } from './admitter.ts'
import type { AdmissionRequest } from './review.ts'

const prefix = 'foresize_admission'
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1]

/** Counts what was answered. A dry run is none of it. */
export interface AdmissionCounts {
  onReview(request: AdmissionRequest, admitted: Admitted, durationMs: number): void
  onRefused(httpStatus: number): void
  readonly reviews: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly refused: ReadonlyMap<number, number>
}

export function admissionCounts(registry: Registry): AdmissionCounts {
  const reviews = new Map<string, Map<string, number>>()
  const refused = new Map<number, number>()
  const observeSeconds = histogramOf(
    registry,
    `${prefix}_review_seconds`,
    'One review, from its headers to its answer.',
    secondsBuckets,
  )
  return {
    onReview({ subject, isDryRun }, { result }, durationMs) {
      if (isDryRun) return
      const ofKind = reviews.get(subject.kind) ?? new Map<string, number>()
      reviews.set(subject.kind, ofKind)
      ofKind.set(result, (ofKind.get(result) ?? 0) + 1)
      observeSeconds(durationMs / 1000)
    },
    onRefused(httpStatus) {
      refused.set(httpStatus, (refused.get(httpStatus) ?? 0) + 1)
    },
    reviews,
    refused,
  }
}

export interface AdmissionFigures {
  readonly counts: AdmissionCounts
  readonly server: Pick<HttpServer, 'connections' | 'turnedAway'>
  readonly estimator: Pick<EstimatorClient, 'health'>
  readonly tlsCertFile: string
}

/** What is read when Prometheus asks. */
export function admissionFigures(registry: Registry, figures: AdmissionFigures): void {
  const { counts, server, estimator, tlsCertFile } = figures
  countersOf(
    registry,
    `${prefix}_reviews_total`,
    'Pods and Jobs that were admitted, by what was decided; without dry runs.',
    ['kind', 'result'],
    function* () {
      for (const [kind, byResult] of counts.reviews) {
        for (const [result, total] of byResult) yield [[kind, result], total]
      }
    },
  )
  countersOf(
    registry,
    `${prefix}_refused_requests_total`,
    'Requests that were no review, too large or too many, by HTTP status.',
    ['status'],
    () => [...counts.refused].map(([status, total]) => [[String(status)], total] as const),
  )
  gaugeOf(registry, `${prefix}_estimator_healthy`, 'Whether the estimator answers, 1 or 0.', () =>
    estimator.health().state === 'HEALTHY' ? 1 : 0,
  )
  gaugesOf(
    registry,
    `${prefix}_certificate_expiry_timestamp_seconds`,
    'When the certificate in the file ends.',
    [],
    () => {
      const expiry = certificateExpiryUnixSeconds(tlsCertFile)
      return expiry === undefined ? [] : [[[], expiry]]
    },
  )
  gaugeOf(registry, `${prefix}_connections`, 'Connections that are open.', server.connections)
  counterOf(
    registry,
    `${prefix}_turned_away_connections_total`,
    'Connections turned away at a limit.',
    server.turnedAway,
  )
}
