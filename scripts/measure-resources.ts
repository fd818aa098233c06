/**
 * Measures what both services need of memory and CPU, idle and under load, on this machine:
 * node scripts/measure-resources.ts [seconds]. The requests in deploy/kubernetes come from it; docs/kubernetes.md says how.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { embeddedStoreFlags, freePort, type RunningService, startService } from '../cli/pair.ts'
import { createEstimatorClient } from '../services/scheduler/client.ts'
import { createWorker } from '../workers/typescript/worker.ts'

const seconds = Number(process.argv[2] ?? 30)
const tasks = 500
const executionsPerSecond = 200
const estimatesPerSecond = 300
const ticksPerSecond = 100

interface Usage {
  readonly rssBytes: number
  readonly peakRssBytes: number
  readonly cpuSeconds: number
}

async function usageOf({ child }: RunningService): Promise<Usage> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8')
  const bytes = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) * 1024
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return {
    rssBytes: bytes('VmRSS'),
    peakRssBytes: bytes('VmHWM'),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
  }
}

async function during(services: readonly RunningService[], forSeconds: number) {
  const before = await Promise.all(services.map(usageOf))
  await sleep(forSeconds * 1000)
  const after = await Promise.all(services.map(usageOf))
  return after.map((usage, i) => ({
    rssMb: Math.round(usage.rssBytes / 1e6),
    peakRssMb: Math.round(usage.peakRssBytes / 1e6),
    cores: Math.round(((usage.cpuSeconds - (before[i]?.cpuSeconds ?? 0)) / forSeconds) * 1000) / 1000,
  }))
}

const folder = await mkdtemp(join(tmpdir(), 'foresize-resources-'))
const onLog = () => {}
const [profilerPort, estimatorPort] = [await freePort(), await freePort()]
const profiler = await startService({
  service: 'profiler',
  listen: `127.0.0.1:${profilerPort}`,
  flags: [...embeddedStoreFlags(folder), '--metrics-listen', ''],
  onLog,
})
const estimator = await startService({
  service: 'estimator',
  listen: `127.0.0.1:${estimatorPort}`,
  flags: ['--profiler', profiler.address, '--metrics-listen', ''],
  onLog,
})
const services = [profiler, estimator]
const worker = createWorker({ target: profiler.address })
const client = createEstimatorClient({ target: estimator.address, updateIntervalMs: 0 })
try {
  const [idleProfiler, idleEstimator] = await during(services, Math.min(10, seconds))
  let n = 0
  const reporting = setInterval(() => {
    for (let i = 0; i < executionsPerSecond / 20; i++, n++) {
      const size = 1e6 * (1 + ((n * 7919) % 1000))
      const execution = worker.startExecution({ task: `task-${n % tasks}`, features: { input_bytes: size } })
      for (let ms = 1000; ms <= 5000; ms += 1000)
        execution.sample({ elapsedMs: ms, memoryBytes: size * 3, cpuCores: 1 })
      execution.end('succeeded', { memoryBytes: size * 3, cpuCores: 1, durationMs: 5000 })
    }
  }, 50)
  let asked = 0
  const asking = setInterval(() => {
    for (let i = 0; i < estimatesPerSecond / 20; i++, asked++) {
      void client.estimate({
        task: { namespace: 'default', task: `task-${(asked * 31) % tasks}` },
        features: { input_bytes: 1e6 * (asked % 1000) },
        labels: {},
        requested: {},
        attempt: 1,
        previousAllocation: {},
        policy: {},
        executionId: '',
      })
    }
  }, 50)
  await sleep(5000)
  const [loadedProfiler, loadedEstimator] = await during(services, seconds)
  clearInterval(reporting)
  clearInterval(asking)
  const result = {
    load: { tasks, executionsPerSecond, samplesPerExecution: 5, estimatesPerSecond, seconds },
    profiler: { idle: idleProfiler, loaded: loadedProfiler },
    estimator: { idle: idleEstimator, loaded: loadedEstimator },
    estimatorClient: client.statistics(),
    worker: worker.statistics(),
  }
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
} finally {
  client.close()
  await worker.close()
  await estimator.stop()
  await profiler.stop()
  await rm(folder, { recursive: true })
}
