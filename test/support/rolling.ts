import { expect } from 'vitest'
import { freePort } from '../../cli/pair.ts'
import { eventually } from './profiler-service.ts'
import type { ServiceProcess } from './service-process.ts'

/** Where a process serves, each time that it is started. */
export interface Places {
  readonly address: string
  readonly health: string
  readonly metrics: string
}

export async function placesFor(count: number): Promise<readonly Places[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const [address, health, metrics] = [await freePort(), await freePort(), await freePort()]
      return {
        address: `127.0.0.1:${address}`,
        health: `127.0.0.1:${health}`,
        metrics: `127.0.0.1:${metrics}`,
      }
    }),
  )
}

export const targetOf = (places: readonly Places[]) =>
  `ipv4:${places.map(({ address }) => address).join(',')}`

async function sumOf(places: Places | undefined, pattern: RegExp): Promise<number> {
  const page = await (await fetch(`http://${places?.metrics}/metrics`)).text()
  return [...page.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0)
}

/** As minReadySeconds gives clients time to find a new pod: the next old one goes when this one carries load. */
export const callsTo = (places: Places | undefined) =>
  sumOf(places, /^foresize_estimator_calls_total\{[^}]*"OK"\} (\d+)/gm)
export const connectionsTo = (places: Places | undefined) =>
  sumOf(places, /^foresize_profiler_connections (\d+)/gm)

/** One after the other: each is stopped and started anew where it was, and the next one goes once `isBack` says so. */
export async function roll(
  running: ServiceProcess[],
  start: (i: number) => Promise<ServiceProcess>,
  underLoad: () => Promise<void>,
  isBack: (i: number) => Promise<boolean>,
): Promise<void> {
  for (const i of running.keys()) {
    expect(await running[i]?.stop()).toBe(0)
    await underLoad()
    running[i] = await start(i)
    await eventually(() => isBack(i))
  }
}
