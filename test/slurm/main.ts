import { strict as assert } from 'node:assert'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEstimatorClient } from '../../services/scheduler/client.ts'
import { createLearningScheduler } from '../../services/scheduler/learning-scheduler.ts'
import type { ExecutionRecord } from '../../shared/wire/gen/foresize/v1/execution.ts'
import { compile, countOf, root, startPair } from '../e2e/support.ts'
import { fetchSlurm, startCluster } from './cluster.ts'

/**
 * Jobs of a real Slurm that foresize sizes from nothing, under cgroup limits: how many are killed, where that many were to
 * be expected, and by whose memory. `make test-slurm`; JOBS=200.
 */

const folder = join(root, '.foresize', 'slurm')
if (!existsSync(join(folder, 'root'))) {
  process.stdout.write('fetching Slurm from Debian: about 5 MB, unpacked below .foresize\n')
  fetchSlurm(folder)
}
const jobs = Number(process.env['JOBS'] ?? 200)
process.stdout.write(`${jobs} jobs, four at once: some minutes\n`)

const work = mkdtempSync(join(tmpdir(), 'foresize-slurm-'))
const burn = compile('burn', work)
const runner = join(root, '.foresize', 'bin', 'foresize-run')
const mebibyte = 2 ** 20

/** Needs that follow from the input, are constant, vary, and are next to nothing. */
const kinds = [
  { task: 'slurm/linear', command: (mb: number) => `${burn} ${mb * 1e6} 20` },
  { task: 'slurm/constant', command: () => `${burn} 40000000 20` },
  { task: 'slurm/jitter', command: (mb: number) => `${burn} ${(30 + (mb % 7)) * 1e6} 20` },
  { task: 'slurm/sleep', command: () => 'sleep 0.1' },
] as const

const cluster = await startCluster(folder, work)
const pair = await startPair()
const client = createEstimatorClient({ target: pair.estimatorAddress, updateIntervalMs: 0, deadlineMs: 5000 })
const learning = createLearningScheduler({ schedule: async () => undefined }, client)

interface Job {
  readonly task: string
  readonly executionId: string
  readonly givenBytes: number
  readonly isSized: boolean
  /** 1 where it was not sized. */
  readonly confidence: number
  readonly state: string
}

async function one(i: number): Promise<Job> {
  const kind = kinds[i % kinds.length] as (typeof kinds)[number]
  const mb = 10 + ((i * 37) % 50)
  const executionId = `slurm-${i}`
  const task = { namespace: 'default', task: kind.task }
  const features = { input_bytes: mb * 1e6 }
  const sized = await learning.size({ task, features, executionId, requested: { memoryBytes: 256e6 } })
  const memoryMiB = Math.ceil((sized.allocated.memoryBytes ?? 256e6) / mebibyte)
  const given = ['--memory', `${memoryMiB * mebibyte}`, '--feature', `input_bytes=${features.input_bytes}`]
  const options = ['--task', kind.task, '--execution-id', executionId, '--profiler', pair.profilerAddress]
  const script = [runner, ...options, '--report-within', '10s', ...given, '--', kind.command(mb)].join(' ')
  const state = await cluster.ended(await cluster.submit(script, memoryMiB))
  const isSized = sized.decision.reason === 'learned'
  const confidence = isSized ? (sized.decision.confidence ?? 1) : 1
  return { task: kind.task, executionId, givenBytes: memoryMiB * mebibyte, isSized, confidence, state }
}

const done: Job[] = []
try {
  for (let i = 0; i < jobs; i += kinds.length) {
    done.push(...(await Promise.all(kinds.map((_, at) => one(i + at)))))
  }
  const records = new Map<string, ExecutionRecord>()
  let unrecorded = 0
  for (const { task } of kinds) {
    const expected = done.filter((job) => job.task === task).length
    const profile = await pair.profile(task, (found) => countOf(found) >= expected).catch(() => undefined)
    unrecorded += expected - (profile === undefined ? 0 : countOf(profile))
    for (const record of profile?.executions ?? []) records.set(record.executionId, record)
  }
  const sized = done.filter(({ isSized }) => isSized)
  const killed = done.filter(({ state }) => state !== 'COMPLETED')
  /** The task's own tree would have fitted: what killed it wraps it. */
  const byRunner = killed.filter(({ executionId, givenBytes }) => {
    const { treeMemoryBytes } = records.get(executionId)?.measured ?? {}
    return treeMemoryBytes === undefined || treeMemoryBytes < 0.5 * givenBytes
  })
  const expected = sized.reduce((sum, { confidence }) => sum + 1 - confidence, 0)
  for (const { task } of kinds) {
    const own = sized.filter((job) => job.task === task)
    const mean = own.reduce((sum, { givenBytes }) => sum + givenBytes, 0) / own.length / mebibyte
    process.stdout.write(`${task}: ${own.length} sized, ${mean.toFixed(1)} MiB on average\n`)
  }
  process.stdout.write(
    `${done.length} jobs, ${sized.length} sized by foresize; ${killed.length} killed where ${expected.toFixed(1)} were to be expected, ${byRunner.length} of them by what wraps the task; ${unrecorded} unrecorded\n`,
  )
  for (const job of killed) process.stdout.write(`  ${JSON.stringify(job)}\n`)
  assert(sized.length > jobs / 2, 'most are sized')
  assert.equal(byRunner.length, 0, 'none is killed by the runner')
  assert.equal(unrecorded, 0, 'every one is on record')
  // Three standard deviations of as many independent kills.
  assert(killed.length <= expected + 3 * Math.sqrt(Math.max(1, expected)), 'kills are as the confidence said')
} finally {
  client.close()
  await cluster.stop()
  await pair.stop()
  rmSync(work, { recursive: true, force: true })
}
