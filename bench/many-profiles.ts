import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePort, startService } from '../cli/pair.ts'
import type { Flood } from './profile-flood.ts'
import { cpuSecondsOf, pidOf, residentBytesOf } from './server-process.ts'

/**
 * How an estimator follows very many profiles: what it takes until its view is whole, and what it holds then, within the
 * bounds that are the default, and within bounds that have room for all.
 */

const { values } = parseArgs({
  options: {
    profiles: { type: 'string', default: '1000000' },
    executions: { type: 'string', default: '20' },
  },
})
const profiles = Math.max(1, Math.round(Number(values.profiles)) || 1_000_000)
const executions = Math.max(1, Math.round(Number(values.executions)) || 20)

await follow('the default bounds', [])
await follow('room for all', [`--replica-max-profiles=${profiles}`, '--replica-max-bytes=1000000000000'])

async function follow(name: string, flags: readonly string[]): Promise<void> {
  const flood = fork(join(import.meta.dirname, 'profile-flood.ts'))
  flood.send({ profiles, executions } satisfies Flood)
  const [profiler] = (await once(flood, 'message')) as [string]
  const [listen, metrics] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`]
  const service = await startService({
    service: 'estimator',
    listen,
    flags: ['--profiler', profiler, '--metrics-listen', metrics, '--log-level=warn', ...flags],
    onLog: (line) => void process.stderr.write(`${line}\n`),
  })
  const pid = pidOf(service.child)
  try {
    const startedMs = performance.now()
    let mostBytes = 0
    for (let before = 0, staleness = 0; staleness >= before; ) {
      await sleep(1000)
      before = staleness
      mostBytes = Math.max(mostBytes, residentBytesOf(pid))
      staleness = await figure(metrics, 'staleness_seconds')
    }
    const cpuSeconds = cpuSecondsOf(pid)
    const [held, bytes] = [await figure(metrics, 'profiles'), await figure(metrics, 'profile_bytes')]
    process.stdout.write(
      `${profiles.toLocaleString('en')} profiles of up to ${executions} executions, ${name}: whole after ${cpuSeconds.toFixed(1)} s of CPU ` +
        `(${((performance.now() - startedMs) / 1000).toFixed(0)} s), ${held.toLocaleString('en')} held, ` +
        `${megabytes(bytes)} MB encoded, ${megabytes(residentBytesOf(pid))} MB RSS, ${megabytes(mostBytes)} at most\n`,
    )
  } finally {
    await service.stop()
    flood.kill('SIGKILL')
  }
}

async function figure(address: string, name: string): Promise<number> {
  const text = await (await fetch(`http://${address}/metrics`)).text()
  return Number(new RegExp(`^foresize_estimator_${name} (.*)$`, 'm').exec(text)?.[1])
}

function megabytes(bytes: number): string {
  return Math.round(bytes / 1e6).toLocaleString('en')
}
