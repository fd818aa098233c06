import { status } from '@grpc/grpc-js'
import type { Registry } from 'prom-client'
import { certificateExpiryUnixSeconds } from '../../shared/rpc/certificates.ts'
import { rpcMetrics } from '../../shared/rpc/metrics.ts'
import { countersOf, gaugeOf, gaugesOf, histogramOf } from '../../shared/runtime/metrics.ts'

const prefix = 'foresize_gateway'
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Counts what was answered. */
export interface GatewayCounts {
  onEnd(path: string, code: status, durationMs: number): void
  onResponse(httpStatus: number): void
  readonly calls: ReadonlyMap<string, ReadonlyMap<status, number>>
  readonly responses: ReadonlyMap<number, number>
}

export function gatewayCounts(registry: Registry): GatewayCounts {
  const calls = new Map<string, Map<status, number>>()
  const responses = new Map<number, number>()
  const observeSeconds = histogramOf(
    registry,
    `${prefix}_call_seconds`,
    'One call that went to a service, until it ended; streams too.',
    secondsBuckets,
  )
  return {
    onEnd(path, code, durationMs) {
      const byCode = calls.get(path) ?? new Map<status, number>()
      calls.set(path, byCode)
      byCode.set(code, (byCode.get(code) ?? 0) + 1)
      observeSeconds(durationMs / 1000)
    },
    onResponse(httpStatus) {
      responses.set(httpStatus, (responses.get(httpStatus) ?? 0) + 1)
    },
    calls,
    responses,
  }
}

export interface GatewayFigures {
  readonly counts: GatewayCounts
  readonly connections: () => number
  readonly turnedAway: () => number
  readonly openCalls: () => number
  readonly refusedCalls: () => number
  readonly heldBytes: () => number
  readonly tlsCertFile: string | undefined
  readonly services: readonly string[]
  readonly isServing: (service: string) => boolean
}

/** What is read when Prometheus asks. */
export function gatewayFigures(registry: Registry, figures: GatewayFigures): void {
  const { counts, services, isServing, tlsCertFile } = figures
  countersOf(
    registry,
    `${prefix}_responses_total`,
    'HTTP answers, by status: what never went to a service too.',
    ['status'],
    () => [...counts.responses].map(([code, total]) => [[String(code)], total] as const),
  )
  gaugeOf(registry, `${prefix}_open_calls`, 'Calls that are open, watches among them.', figures.openCalls)
  gaugesOf(
    registry,
    `${prefix}_upstream_serving`,
    'Whether a service said SERVING when it was last asked.',
    ['service'],
    () => services.map((service) => [[service], isServing(service) ? 1 : 0] as const),
  )
  rpcMetrics(registry, prefix, () => ({
    connections: figures.connections(),
    turnedAwayConnections: figures.turnedAway(),
    calls: counts.calls,
    certificateExpiryUnixSeconds:
      tlsCertFile === undefined ? undefined : certificateExpiryUnixSeconds(tlsCertFile),
    refusals: new Map([[status.RESOURCE_EXHAUSTED, figures.refusedCalls()]]),
    heldBytes: figures.heldBytes(),
  }))
}
