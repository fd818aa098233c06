import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createEstimatorClient } from '../services/scheduler/client.ts'
import { createLearningScheduler } from '../services/scheduler/learning-scheduler.ts'
import type { SchedulableTask, SizedTask } from '../services/scheduler/resource-aware-scheduler.ts'
import { certificateAuthority } from '../test/support/certificates.ts'
import { testProfiler } from '../test/support/profiler-service.ts'
import { runCommand } from '../workers/typescript/command.ts'
import { spread } from './bench.ts'
import { inProcess } from './in-process.ts'
import { startPair } from './server-process.ts'
import { type Added, wrapperCosts, wrappers } from './wrappers.ts'

/**
 * What foresize costs those whom it serves, each beside the same without it, in turn: an estimate by itself, a scheduling
 * decision that is answered from the cache, a command that is measured, a process that samples one.
 */

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, json: { type: 'boolean', default: false } },
})
const rounds = Math.max(1, Math.round(Number(values.rounds)) || 15)

/** A shell that computes for about a tenth of a second. */
const busy = ['-c', 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done']

interface Overhead {
  readonly name: string
  readonly unit: string
  readonly median: number
  readonly min: number
  readonly max: number
  /** What it should stay below. */
  readonly goal: number | undefined
}

const overheads: readonly Overhead[] = [
  ...(await estimatorOverheads()),
  await schedulingOverhead(),
  ...(await commandOverheads()),
  ...(await wrapperOverheads()),
  await samplingOverhead(),
]
process.stdout.write(
  values.json
    ? `${JSON.stringify(overheads, null, 2)}\n`
    : overheads
        .map(({ name, unit, median, min, max, goal }) => {
          const range = `${min.toPrecision(3)} to ${max.toPrecision(3)}`
          return `${name.padEnd(62)} ${median.toPrecision(3).padStart(8)} ${unit}  (${range})${goal === undefined ? '' : `, goal ${goal}`}\n`
        })
        .join(''),
)

function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** The estimator in this process, without a wire and without its cache of answers. */
async function estimatorOverheads(): Promise<Overhead[]> {
  const found = await inProcess()
  return found.map(({ name, us: { median, min }, p99Us, passes }) => ({
    name: `${name}, in process (least, 99 % below): ${passes.toPrecision(2)} passes`,
    unit: 'µs',
    median,
    min,
    max: p99Us,
    goal: undefined,
  }))
}

/** CPU time that LearningScheduler.schedule adds to the scheduler it decorates, the answer in the cache. */
async function schedulingOverhead(): Promise<Overhead> {
  const pair = await startPair('memory')
  const client = createEstimatorClient({ target: pair.estimator.address, updateIntervalMs: 1e8 })
  const inner = { schedule: (sized: SizedTask) => Promise.resolve(sized.task.executionId) }
  const learning = createLearningScheduler(inner, client)
  const tasks = Array.from(
    { length: 100 },
    (_, i): SchedulableTask => ({
      task: { namespace: 'bench', task: `task-${i % 20}` },
      executionId: `e${i}`,
      features: { input_bytes: i * 1e6, rows: i },
      labels: { tool: 'bwa' },
      requested: { memoryBytes: 4e9 },
    }),
  )
  for (const task of tasks) await learning.schedule(task)
  const sized = await Promise.all(tasks.map((task) => learning.size(task)))
  const calls = 50_000
  const each = async (run: (i: number) => Promise<unknown>) => {
    const before = cpuUs()
    for (let i = 0; i < calls; i++) await run(i % tasks.length)
    return (cpuUs() - before) / calls
  }
  const added: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const bare = await each((i) => inner.schedule(sized[i] as SizedTask))
    const learned = await each((i) => learning.schedule(tasks[i] as SchedulableTask))
    if (round > 0) added.push(learned - bare)
  }
  client.close()
  await pair.stop()
  return {
    name: 'LearningScheduler.schedule, answered from the cache',
    unit: 'µs CPU',
    ...spread(added),
    goal: 2,
  }
}

/** Wall time of a command that is measured over that of the same command started plainly. */
async function commandOverheads(): Promise<Overhead[]> {
  const wallMs = async (run: () => Promise<unknown>) => {
    const before = performance.now()
    await run()
    return performance.now() - before
  }
  const plain = () => once(spawn('sh', busy, { stdio: 'ignore' }), 'exit')
  const measured = () => runCommand({ command: 'sh', args: busy, stdio: 'ignore' }).done
  const empty = () => once(spawn('true', { stdio: 'ignore' }), 'exit')
  const emptyMeasured = () => runCommand({ command: 'true', stdio: 'ignore' }).done
  const ratios: number[] = []
  const added: number[] = []
  const [plainMs, measuredMs]: [number[], number[]] = [[], []]
  for (let round = 0; round <= rounds; round++) {
    // Whoever comes second may gain or lose by it: in turn.
    const order = round % 2 === 0
    const first = await wallMs(order ? plain : measured)
    const second = await wallMs(order ? measured : plain)
    const [emptyFirst, emptySecond] = [
      await wallMs(order ? empty : emptyMeasured),
      await wallMs(order ? emptyMeasured : empty),
    ]
    if (round === 0) continue
    plainMs.push(order ? first : second)
    measuredMs.push(order ? second : first)
    ratios.push(order ? second / first : first / second)
    added.push(order ? emptySecond - emptyFirst : emptyFirst - emptySecond)
  }
  // On a busy machine the least time is what says something: nobody stood in its way.
  const least = Math.min(...measuredMs) / Math.min(...plainMs)
  return [
    {
      name: 'least wall time of a measured command over that of a plain one',
      unit: '×',
      median: least,
      min: least,
      max: least,
      goal: 1.02,
    },
    {
      name: 'wall time of a measured command over a plain one',
      unit: '×',
      ...spread(ratios),
      goal: undefined,
    },
    { name: 'wall time added to a command that does nothing', unit: 'ms', ...spread(added), goal: undefined },
  ]
}

/** A profiler with TLS, and the roots of its certificate. */
async function secureProfiler() {
  const folder = await mkdtemp(join(tmpdir(), 'foresize-bench-'))
  const { caFile, issue } = await certificateAuthority(folder, 'bench')
  const { certFile, keyFile } = await issue('profiler')
  const service = await testProfiler({ store: 'memory', tlsCertFile: certFile, tlsKeyFile: keyFile })
  return {
    address: service.address,
    caFile,
    async stop() {
      await service.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** `foresize run` beside others that run a command and tell what it used. */
async function wrapperOverheads(): Promise<Overhead[]> {
  const pair = await startPair('memory')
  const secure = await secureProfiler()
  const costs = await wrapperCosts(wrappers({ plain: pair.profiler.address, secure }), rounds)
  await secure.stop()
  await pair.stop()
  const one = (name: string, unit: string, value: number, goal?: number): Overhead => ({
    name,
    unit,
    median: value,
    min: value,
    max: value,
    goal,
  })
  const least = (name: string, { least, median }: Added, isOurs: boolean): Overhead => ({
    name,
    unit: 'ms',
    median,
    min: least,
    max: median,
    goal: isOurs ? 5 : undefined,
  })
  return costs.flatMap((cost) => {
    const { name, peakMemoryBytes, peakAtEndBytes, startAddedMs, wallAddedMs, cpuMs, cpuShare } = cost
    const isOurs = name.startsWith('foresize-run')
    return [
      one(
        `${name}: own peak of memory while the command runs`,
        'MB',
        peakMemoryBytes / 1e6,
        isOurs ? 8 : undefined,
      ),
      ...(peakAtEndBytes === undefined
        ? []
        : [
            one(
              `${name}: own peak of memory to its end, report included`,
              'MB',
              peakAtEndBytes / 1e6,
              isOurs ? 20 : undefined,
            ),
          ]),
      least(`${name}: time until the command starts, added (median, from the least)`, startAddedMs, isOurs),
      least(`${name}: wall time of a command that does nothing, added (the same)`, wallAddedMs, false),
      one(
        `${name}: CPU time while the command runs on`,
        '% of a core',
        cpuShare * 100,
        isOurs ? 1 : undefined,
      ),
      one(`${name}: CPU time over the first two seconds of a command`, 'ms', cpuMs, isOurs ? 20 : undefined),
    ]
  })
}

/** CPU time that this process spends on a command that runs for a while, at the default interval. */
async function samplingOverhead(): Promise<Overhead> {
  const shares: number[] = []
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    let samples = 0
    const running = runCommand({ command: 'sleep', args: ['6'], stdio: 'ignore', onSample: () => samples++ })
    await new Promise((resolve) => setTimeout(resolve, 2000))
    const before = cpuUs()
    const startedMs = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 3500))
    shares.push(((cpuUs() - before) / 1000 / (performance.now() - startedMs)) * 100)
    await running.done
  }
  return {
    name: 'sampling one command at the default interval',
    unit: '% of a core',
    ...spread(shares),
    goal: 1,
  }
}
