import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEstimatorClient, type EstimatorClient } from '../../services/scheduler/client.ts'
import { createClusterScheduler } from '../../services/scheduler/cluster-scheduler.ts'
import { createLearningScheduler } from '../../services/scheduler/learning-scheduler.ts'
import type { SchedulableTask, SizedTask } from '../../services/scheduler/resource-aware-scheduler.ts'
import { findLauncher } from '../../workers/typescript/launcher.ts'
import { createWorker, type Worker } from '../../workers/typescript/worker.ts'
import { type Command, type CommandInput, flag } from '../command.ts'
import { readDuration, readWhole } from '../options.ts'
import { embeddedStoreFlags, freePort, noMetrics, type RunningService, startService } from '../pair.ts'
import { createProgress, type Progress } from '../progress.ts'
import { up } from '../up.ts'
import type { LedgerEntry } from './ledger.ts'
import { nextSteps, progressLine, report } from './report.ts'
import { availableTasks, type DemoTask, type Inputs, inputsIn, randomFrom } from './workload.ts'

export const demo: Command = {
  summary: 'Runs real programs on real inputs, and lets you watch foresize learn and size them.',
  usage: 'demo [options]',
  options: {
    executions: { type: 'string', value: 'N', description: 'of each program (default 20)' },
    seed: { type: 'string', value: 'N', description: 'of the input sizes (default 1)' },
    within: { type: 'string', value: 'TIME', description: 'start no run after that (default 60s)' },
    'keep-open': { type: 'boolean', description: 'serve the console on what was learned until Ctrl-C' },
  },

  async run(input) {
    const executions = readWhole(input, 'executions') ?? 20
    const seed = readWhole(input, 'seed') ?? 1
    const withinMs = readDuration(input, 'within', { example: '60s' }) ?? 60_000
    const folder = mkdtempSync(join(tmpdir(), 'foresize-demo-'))
    const stops: (() => Promise<unknown>)[] = []
    const stopAll = async () => {
      for (const stop of stops.splice(0).reverse()) await stop()
    }
    const abort = () => {
      void stopAll().then(() => {
        rmSync(folder, { recursive: true, force: true })
        process.exit(130)
      })
    }
    for (const signal of stopSignals) process.once(signal, abort)
    try {
      const data = await play(input, { executions, seed, withinMs, folder, stops })
      await stopAll()
      for (const signal of stopSignals) process.off(signal, abort)
      if (flag(input, 'keep-open')) return await keepOpen(input, data)
      input.out(nextSteps(data))
      return 0
    } catch (error) {
      await stopAll()
      rmSync(folder, { recursive: true, force: true })
      throw error
    } finally {
      await stopAll()
      for (const signal of stopSignals) process.off(signal, abort)
    }
  },
}

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

interface Stage {
  readonly executions: number
  readonly seed: number
  /** A machine that is slow or busy runs fewer. */
  readonly withinMs: number
  readonly folder: string
  /** What is running, to be stopped in reverse. */
  readonly stops: (() => Promise<unknown>)[]
}

interface DemoExecution extends SchedulableTask {
  readonly program: DemoTask
  readonly inputBytes: number
}

/** Two machines that do not exist: what runs on them is real. */
const nodes = ['node-1', 'node-2'].map((name) => ({
  name,
  capacity: { cpuCores: 2, memoryBytes: 1.5 * 2 ** 30 },
}))

/** Fixed, so that memory is what is learned: cores that share a busy machine look smaller than they are. */
const coresEach = 0.5

/** Of all executions: when the estimator is stopped, and when it is back. */
const outage = { from: 0.5, to: 0.65 }

async function play(
  input: CommandInput,
  { executions, seed, withinMs, folder, stops }: Stage,
): Promise<string> {
  const { out } = input
  const startedMs = performance.now()
  const tasks = availableTasks()
  const random = randomFrom(seed)
  const data = join(folder, 'profiles')
  const inputFolder = join(folder, 'inputs')
  for (const each of [data, inputFolder]) mkdirSync(each)
  const inputs = inputsIn(inputFolder, Math.max(...tasks.map((task) => task.maxInputBytes)), random)
  stops.push(async () => rmSync(inputFolder, { recursive: true, force: true }))

  const profilerAddress = `127.0.0.1:${await freePort()}`
  const estimatorAddress = `127.0.0.1:${await freePort()}`
  const profiler = await startService({
    service: 'profiler',
    listen: profilerAddress,
    flags: [...embeddedStoreFlags(data), noMetrics],
    onLog: () => {},
  })
  stops.push(() => profiler.stop())
  const startEstimator = () =>
    startService({
      service: 'estimator',
      listen: estimatorAddress,
      flags: ['--profiler', profilerAddress, noMetrics],
      onLog: () => {},
    })
  let estimator: RunningService = await startEstimator()
  stops.push(() => estimator.stop())
  out(
    `The profiler (${profilerAddress}) and the estimator (${estimatorAddress}) are up, profiles in ${data}.\n`,
  )
  out(
    `Now ${executions} runs each of ${tasks.map(({ name }) => name).join(', ')}, on files of varying size,\n`,
  )
  out('scheduled onto two simulated nodes of 2 cores and 1.5 GiB, but truly run and truly measured here')
  out(`${findLauncher() === undefined ? ' (by sampling: the launcher is not built)' : ''}.\n\n`)

  const worker = createWorker({ target: profilerAddress, client: 'foresize demo' })
  stops.push(() => worker.close(5000))
  const client = createEstimatorClient({ target: estimatorAddress, updateIntervalMs: 1000, deadlineMs: 2000 })
  stops.push(async () => client.close())

  const ledger: LedgerEntry[] = []
  const runsStartedMs = performance.now()
  let leftOut = 0
  const share = () =>
    Math.max((ledger.length + leftOut) / queue.length, (performance.now() - runsStartedMs) / withinMs)
  const cluster = createClusterScheduler<DemoExecution, void>({
    nodes,
    run: async (sized) => {
      if (performance.now() - runsStartedMs > withinMs) leftOut++
      else ledger.push(await execute(sized, worker, inputs))
    },
  })
  const learning = createLearningScheduler(cluster, client)

  const isTerminal = process.stdout.isTTY === true
  const progress = createProgress(out, isTerminal, () => process.stdout.columns ?? 80)
  const queue = makeExecutions(tasks, executions, random)
  const show = () => progress.update(progressLine(ledger, queue.length, cluster, client))
  const ticker = setInterval(show, 200)
  stops.push(async () => clearInterval(ticker))

  const outageDone = playOutage({
    progress,
    done: share,
    stop: () => estimator.stop(),
    start: async () => {
      estimator = await startEstimator()
    },
    ledger,
    client,
  })
  const [failedMeanwhile] = await Promise.all([
    outageDone,
    ...queue.map((execution) => learning.schedule(execution)),
  ])
  clearInterval(ticker)
  show()
  progress.end()
  const isStored = await worker.flush(10_000)
  if (leftOut > 0) out(`The machine is busy: ${leftOut} runs were left out to end in time.\n`)
  if (!isStored) out('Not everything was stored in time.\n')
  out(
    report({
      tasks,
      ledger,
      calls: { ...client.statistics(), failedMeanwhile },
      tookMs: performance.now() - startedMs,
    }),
  )
  return data
}

/** The services once more, on what was learned. Prints where the console is. */
function keepOpen(input: CommandInput, data: string): Promise<number> {
  input.out('\nWhat was learned can be seen in the console:\n\n')
  return up.run({ ...input, values: { quiet: true, 'data-dir': data } })
}

/** Sizes in random order, the programs in turn. */
function makeExecutions(
  tasks: readonly DemoTask[],
  executions: number,
  random: () => number,
): DemoExecution[] {
  return Array.from({ length: executions * tasks.length }, (_, i): DemoExecution => {
    const program = tasks[i % tasks.length] as DemoTask
    const { minInputBytes, maxInputBytes } = program
    const inputBytes = Math.round(minInputBytes + random() * (maxInputBytes - minInputBytes))
    return {
      program,
      inputBytes,
      task: { namespace: 'default', task: program.name },
      executionId: `demo-${process.pid}-${i}`,
      features: { input_bytes: inputBytes },
      requested: program.requested,
      explicit: { cpuCores: coresEach },
    }
  })
}

async function execute(
  { task, allocated, estimateToken, decision }: SizedTask<DemoExecution>,
  worker: Worker,
  inputs: Inputs,
): Promise<LedgerEntry> {
  const { program } = task
  const file = inputs.write(`${task.executionId}.csv`, task.inputBytes)
  try {
    const { done } = worker.run({
      task: program.name,
      executionId: task.executionId,
      features: { input_bytes: task.inputBytes },
      requested: { ...program.requested, cpuCores: coresEach },
      allocated,
      estimateToken,
      stdio: 'ignore',
      env: { ...process.env, LC_ALL: 'C' },
      ...program.command(file.path),
    })
    const { used, outcome, exitCode, refused } = await done
    if (outcome !== 'succeeded') throw new Error(`${program.name} ended with ${refused ?? exitCode}`)
    const { reason, confidence } = decision
    return { task: program.name, requested: program.requested, allocated, used, reason, confidence }
  } finally {
    inputs.remove(file.path)
  }
}

interface Outage {
  readonly progress: Progress
  /** Share of executions that have ended, or of the time that has passed. */
  readonly done: () => number
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
  readonly ledger: readonly LedgerEntry[]
  readonly client: EstimatorClient
}

/** Gives how many calls failed since there was no estimator to answer them. */
async function playOutage({ progress, done, stop, start, ledger, client }: Outage): Promise<number> {
  await until(() => done() >= outage.from)
  progress.say(
    '— The estimator is stopped (SIGTERM). Scheduling goes on, on earlier answers or else on requests. —',
  )
  const { failedCalls } = client.statistics()
  await stop()
  const before = ledger.length
  await until(() => done() >= outage.to)
  const { state } = client.health()
  const meanwhile = ledger.slice(before)
  const learned = meanwhile.filter(({ reason }) => reason === 'learned').length
  progress.say(
    `— ${meanwhile.length} executions ended meanwhile, ${learned} of them on an earlier answer; learning is ${state}. It is started again. —`,
  )
  await start()
  // The client looks again only after a while.
  await until(() => client.health().state === 'HEALTHY' || done() >= 1)
  return client.statistics().failedCalls - failedCalls
}

function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (!holds()) return
      clearInterval(timer)
      resolve()
    }, 20)
  })
}
