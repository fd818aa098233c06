import { status } from '@grpc/grpc-js'
import type { Registry } from 'prom-client'
import { counterOf, countersOf, gaugeOf, gaugesOf } from '../runtime/metrics.ts'
import type { RpcServerFigures } from './server.ts'

/** What every service says of its gRPC server; `prefix` is like `foresize_profiler`. */
export function rpcMetrics(registry: Registry, prefix: string, figures: () => RpcServerFigures): void {
  countersOf(
    registry,
    `${prefix}_calls_total`,
    'Calls that ended, by method and gRPC status; a stream counts when it ends.',
    ['method', 'code'],
    function* () {
      for (const [path, byCode] of figures().calls) {
        for (const [code, total] of byCode)
          yield [[path.slice(path.lastIndexOf('/') + 1), nameOf(code)], total]
      }
    },
  )
  countersOf(
    registry,
    `${prefix}_refused_calls_total`,
    'Calls refused before any handler, by gRPC status: no token, wrong token, foreign namespace, rate.',
    ['code'],
    () => [...figures().refusals].map(([code, total]) => [[nameOf(code)], total] as const),
  )
  gaugesOf(
    registry,
    `${prefix}_certificate_expiry_timestamp_seconds`,
    'When the certificate in the file ends; nothing in plain text.',
    [],
    () => {
      const expiry = figures().certificateExpiryUnixSeconds
      return expiry === undefined ? [] : [[[], expiry]]
    },
    'min',
  )
  gaugeOf(
    registry,
    `${prefix}_held_bytes`,
    'Bytes held for others: calls, unfinished messages, sessions, open executions.',
    () => figures().heldBytes,
  )
  gaugeOf(registry, `${prefix}_connections`, 'Connections that are open.', () => figures().connections)
  counterOf(
    registry,
    `${prefix}_turned_away_connections_total`,
    'Connections turned away at a limit.',
    () => figures().turnedAwayConnections,
  )
}

const nameOf = (code: status) => status[code] ?? 'UNKNOWN'
