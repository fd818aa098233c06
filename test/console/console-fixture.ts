import { freePort, noMetrics, startService } from '../../cli/pair.ts'
import { servicePair } from '../support/service-pair.ts'
import type { Call } from './workload.ts'

export interface ConsoleFixture {
  readonly origin: string
  readonly call: Call
  /** The estimator and the profiler, to be stopped by a test. */
  readonly pair: Awaited<ReturnType<typeof servicePair>>
  stop(): Promise<void>
}

/** The real pair and gateway as processes of their own, as `foresize up` starts them. */
export async function consoleFixture(): Promise<ConsoleFixture> {
  const pair = await servicePair({ profiler: ['--store=memory', '--running-interval-ms=100'] })
  const listen = `127.0.0.1:${await freePort()}`
  const flags = ['--profiler', pair.profiler.address, '--estimator', pair.estimator.address, noMetrics]
  const gateway = await startService({ service: 'gateway', listen, flags, onLog: () => {} })
  const origin = `http://${listen}`
  return {
    origin,
    pair,
    async call(method, body) {
      const answer = await fetch(`${origin}/foresize.v1.${method}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      const content = (await answer.json()) as Readonly<Record<string, unknown>>
      if (!answer.ok) throw new Error(`${method}: ${JSON.stringify(content)}`)
      return content
    },
    async stop() {
      await gateway.stop()
      await pair.stop()
    },
  }
}
