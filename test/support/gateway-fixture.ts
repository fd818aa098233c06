import { type GatewayConfig, gatewayConfig } from '../../services/gateway/config.ts'
import { startGateway } from '../../services/gateway/service.ts'
import { createLifecycle } from '../../shared/runtime/lifecycle.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { quietLog } from './profiler-fixture.ts'

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: any JSON, as a caller without types has it
  readonly body: any
}

export type GatewayFixture = Awaited<ReturnType<typeof gatewayFixture>>

/** The real gateway on a free port, as main.ts composes it, and a caller that speaks JSON. */
export async function gatewayFixture(
  settings: Partial<GatewayConfig> & { readonly profiler: string; readonly estimator: string },
  log: Log = quietLog,
) {
  const lifecycle = createLifecycle(log)
  const config = gatewayConfig.parse({
    listen: '127.0.0.1:0',
    metricsListen: '127.0.0.1:0',
    healthIntervalMs: 100,
    drainMs: 5000,
    ...settings,
  })
  const { address, metricsAddress } = await startGateway(config, { log, lifecycle })
  const origin = `${config.tlsCertFile === undefined ? 'http' : 'https'}://${address}`

  return {
    address,
    metricsAddress,
    origin,
    async post(
      path: string,
      body: unknown,
      headers: Readonly<Record<string, string>> = {},
      signal: AbortSignal | null = null,
    ): Promise<Answer> {
      const answer = await fetch(`${origin}/foresize.v1.${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        signal,
      })
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
    },
    /** A metric as /metrics shows it, such as `open_calls` or `responses_total{status="200"}`. */
    async metric(name: string): Promise<number | undefined> {
      const text = await (await fetch(`http://${metricsAddress}/metrics`)).text()
      const line = text.split('\n').find((each) => each.startsWith(`foresize_gateway_${name} `))
      return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')))
    },
    /** As SIGTERM does. */
    stop: () => lifecycle.stop('test'),
  }
}
