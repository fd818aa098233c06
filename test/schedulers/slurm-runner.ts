import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { createEstimatorClient } from '../../services/scheduler/client.ts'
import { createLearningScheduler } from '../../services/scheduler/learning-scheduler.ts'
import type { ExecutionRecord } from '../../shared/wire/gen/foresize/v1/execution.ts'
import { compile, countOf, root } from '../e2e/support.ts'
import { type Attempt, type PairWithGateway, type Scheduler, withForesizeAway } from './scheduler.ts'
import { type Cluster, lacking, startCluster } from './slurm-cluster.ts'

/**
 * Jobs of a real Slurm that a scheduler of one's own sizes from nothing and foresize-run measures, under cgroup limits: how
 * many are killed, where that many were to be expected, and by whose memory. JOBS=200.
 */
export const slurmRunner: Scheduler = {
  name: 'slurm-runner',
  notRun: lacking,
  async run(pair) {
    const cluster = await startCluster()
    try {
      return { version: cluster.version, attempts: await attempts(pair, cluster) }
    } finally {
      await cluster.stop()
    }
  },
}

const jobs = Number(process.env['JOBS'] ?? 40)
const requestedBytes = 256e6
const mebibyte = 2 ** 20
const runner = join(root, '.foresize', 'bin', 'foresize-run')

interface Job extends Omit<Attempt, 'neededBytes'> {
  readonly task: string
  readonly executionId: string
  /** 1 where it was not sized. */
  readonly confidence: number
}

async function attempts(pair: PairWithGateway, cluster: Cluster): Promise<readonly Attempt[]> {
  const burn = compile('burn', cluster.work)
  /** Needs that follow from the input, are constant, vary, and are next to nothing. */
  const kinds = [
    { task: 'slurm/linear', command: (mb: number) => `${burn} ${mb * 1e6} 20` },
    { task: 'slurm/constant', command: () => `${burn} 40000000 20` },
    { task: 'slurm/jitter', command: (mb: number) => `${burn} ${(30 + (mb % 7)) * 1e6} 20` },
    { task: 'slurm/sleep', command: () => 'sleep 0.1' },
  ] as const
  const client = createEstimatorClient({
    target: pair.estimatorAddress,
    updateIntervalMs: 0,
    deadlineMs: 5000,
  })
  const learning = createLearningScheduler({ schedule: async () => undefined }, client)

  async function one(i: number, isAway: boolean): Promise<Job> {
    const kind = kinds[i % kinds.length] as (typeof kinds)[number]
    const mb = 10 + ((i * 37) % 50)
    const executionId = `slurm-${i}`
    const task = { namespace: 'default', task: kind.task }
    const inputBytes = mb * 1e6
    const features = { input_bytes: inputBytes }
    const sized = await learning.size({
      task,
      features,
      executionId,
      requested: { memoryBytes: requestedBytes },
    })
    const memoryMiB = Math.ceil((sized.allocated.memoryBytes ?? requestedBytes) / mebibyte)
    const given = ['--memory', `${memoryMiB * mebibyte}`, '--feature', `input_bytes=${inputBytes}`]
    const options = ['--task', kind.task, '--execution-id', executionId, '--profiler', pair.profilerAddress]
    const within = isAway ? '1s' : '10s'
    const script = [runner, ...options, '--report-within', within, ...given, '--', kind.command(mb)].join(' ')
    const startedMs = performance.now()
    const { state } = await cluster.ended(await cluster.submit(script, `--mem=${memoryMiB}M`))
    const isSized = sized.decision.reason === 'learned'
    return {
      phase: isAway ? 'away' : isSized ? 'sized' : 'learned',
      task: kind.task,
      inputBytes,
      executionId,
      requestedBytes,
      givenBytes: memoryMiB * mebibyte,
      durationMs: performance.now() - startedMs,
      confidence: isSized ? (sized.decision.confidence ?? 1) : 1,
      ended: state === 'COMPLETED' ? 'completed' : state === 'OUT_OF_MEMORY' ? 'killed' : 'failed',
    }
  }
  const round = (first: number, isAway: boolean) => Promise.all(kinds.map((_, at) => one(first + at, isAway)))

  const done: Job[] = []
  for (let i = 0; i < jobs; i += kinds.length) done.push(...(await round(i, false)))
  const away = await withForesizeAway(pair, () => round(jobs, true))
  client.close()

  const records = new Map<string, ExecutionRecord>()
  for (const { task } of kinds) {
    const expected = done.filter((job) => job.task === task).length
    const profile = await pair.profile(task, (found) => countOf(found) >= expected)
    for (const record of profile.executions) records.set(record.executionId, record)
  }
  holds(done, records)
  return [...done, ...away].map((job) => {
    const { memoryBytes = 0, durationMs = job.durationMs } = records.get(job.executionId)?.used ?? {}
    return { ...job, neededBytes: memoryBytes, durationMs }
  })
}

function holds(done: readonly Job[], records: ReadonlyMap<string, ExecutionRecord>): void {
  const sized = done.filter(({ phase }) => phase === 'sized')
  const killed = done.filter(({ ended }) => ended === 'killed')
  /** The task's own tree would have fitted: what killed it wraps it. */
  const byRunner = killed.filter(({ executionId, givenBytes }) => {
    const { treeMemoryBytes } = records.get(executionId)?.measured ?? {}
    return treeMemoryBytes === undefined || treeMemoryBytes < 0.5 * givenBytes
  })
  const expected = sized.reduce((sum, { confidence }) => sum + 1 - confidence, 0)
  process.stdout.write(
    `slurm-runner: ${done.length} jobs, ${sized.length} sized; ${killed.length} killed where ${expected.toFixed(1)} were to be expected, ${byRunner.length} of them by what wraps the task\n`,
  )
  assert.equal(byRunner.length, 0, 'none is killed by the runner')
  // Three standard deviations of as many independent kills.
  assert(killed.length <= expected + 3 * Math.sqrt(Math.max(1, expected)), 'kills are as the confidence said')
}
