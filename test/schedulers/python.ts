import { strict as assert } from 'node:assert'
import { type ExecFileOptions, execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { call } from '../../shared/rpc/client.ts'
import { Outcome } from '../../shared/wire/gen/foresize/v1/execution.ts'
import { eventually, type Pair, root } from '../e2e/support.ts'
import { type Attempt, type SchedulerOutcome, withForesizeAway } from './scheduler.ts'

/** What the schedulers that are Python packages have in common. */

const run = promisify(execFile)

/** A virtual environment with a scheduler, pinned, and packages of this repository beside it. */
export interface PythonScheduler {
  readonly name: string
  readonly requirements: readonly string[]
  /** Folders of this repository. */
  readonly packages: readonly string[]
}

const folderOf = ({ name }: PythonScheduler) => join(root, '.foresize', 'schedulers', name)

/** A program of its environment. */
export const programOf = (scheduler: PythonScheduler, program: string) =>
  join(folderOf(scheduler), 'bin', program)

/** Installs it where it is not yet. What this machine lacks, undefined where nothing. */
export async function installed(scheduler: PythonScheduler): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || !existsSync('/sys/fs/cgroup/memory/tasks'))
    return 'its tasks need root and the memory controller of cgroup v1, to be held to what they are given'
  const { name, requirements, packages } = scheduler
  const folder = folderOf(scheduler)
  const mark = join(folder, '.installed')
  const wanted = JSON.stringify([requirements, packages])
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return undefined
  process.stdout.write(`${name}: installing ${requirements.join(' ')} into ${folder}\n`)
  const editable = packages.flatMap((each) => ['--editable', join(root, each)])
  try {
    await run('python3', ['-m', 'venv', folder])
    const install = ['-m', 'pip', 'install', '--quiet', ...requirements, ...editable]
    await run(programOf(scheduler, 'python'), install, { timeout: 1_200_000 })
  } catch (error) {
    return `it cannot be installed: ${String(error).trim().split('\n').at(-1)}`
  }
  writeFileSync(mark, wanted)
  return undefined
}

export interface Workload {
  readonly folder: string
  /** What is run: see task.py. */
  readonly task: string
  readonly python: string
  readonly requestedBytes: number
  /** Runs a program in the workload's folder; rejects with what it said where it fails. */
  run(program: string, args: readonly string[], options?: ExecFileOptions): Promise<string>
  readonly env: NodeJS.ProcessEnv
}

const requestedBytes = 400e6
const perPhase = 12

/**
 * Twelve tasks as requested, twelve more once these are known, of which one needs twice what its input tells, three with
 * foresize away.
 * @param runAll runs a task for each input, by the scheduler, and waits for all, retries included.
 * @param task under which they are on record.
 */
export async function threePhases(
  scheduler: PythonScheduler,
  pair: Pair,
  task: string,
  runAll: (inputs: readonly string[], workload: Workload) => Promise<void>,
  version: (workload: Workload) => Promise<string>,
): Promise<SchedulerOutcome> {
  const folder = mkdtempSync(join(tmpdir(), `foresize-${scheduler.name}-`))
  const log = join(folder, 'attempts.jsonl')
  const env = {
    ...process.env,
    PATH: `${join(folderOf(scheduler), 'bin')}:${process.env['PATH']}`,
    FORESIZE_PROFILER: pair.profilerAddress,
    FORESIZE_ESTIMATOR: pair.estimatorAddress,
    FORESIZE_TEST_ATTEMPTS: log,
  }
  const workload: Workload = {
    folder,
    task: join(import.meta.dirname, 'task.py'),
    python: programOf(scheduler, 'python'),
    requestedBytes,
    env,
    run: async (program, args, options = {}) => {
      const settings = { cwd: folder, env, timeout: 600_000, maxBuffer: 2 ** 26, ...options }
      const { stdout } = await run(programOf(scheduler, program), [...args], settings).catch(
        ({ message, stdout, stderr }: { message: string; stdout: string; stderr: string }) => {
          throw new Error(`${message}\n${stdout}\n${stderr}`.slice(-8000))
        },
      )
      return stdout.toString()
    },
  }
  let made = 0
  const attempts: Attempt[] = []
  const phase = async (inputs: readonly string[], isAway: boolean) => {
    rmSync(log, { force: true })
    await runAll(inputs, workload)
    for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
      const attempt = JSON.parse(line) as Omit<Attempt, 'phase' | 'requestedBytes'>
      const isSized = attempt.givenBytes !== requestedBytes
      attempts.push({
        ...attempt,
        requestedBytes,
        phase: isAway ? 'away' : isSized ? 'sized' : 'learned',
      })
    }
  }
  try {
    mkdirSync(join(folder, 'in'))
    const some = (count: number) => Array.from({ length: count }, () => input(folder, `${made++}`))
    await phase(some(perPhase), false)
    await known(pair, task, perPhase)
    await phase([...some(perPhase - 1), input(folder, '20-heavy')], false)
    const killed = attempts.filter(({ ended }) => ended === 'killed').length
    assert(killed > 0, 'what needs more than its input tells is killed')
    await pair.profile(
      task,
      ({ accuracy, outcomes }) =>
        accuracy.length > 0 &&
        outcomes.some(({ outcome, count }) => outcome === Outcome.OUTCOME_OUT_OF_MEMORY && count === killed),
    )
    await withForesizeAway(pair, () => phase(some(3), true))
    return { version: (await version(workload)).trim(), attempts }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** From 10 to 60 MB, in no order. */
function input(folder: string, name: string): string {
  const path = join(folder, 'in', name)
  writeFileSync(path, '')
  truncateSync(path, (10 + ((Number.parseInt(name, 10) * 37) % 50)) * 1e6)
  return path
}

/** Waits until the estimator answers from so many executions. */
async function known(pair: Pair, task: string, executions: number): Promise<void> {
  const query = { task: { namespace: '', task }, features: {}, labels: {}, attempt: 1, executionId: '' }
  const request = { query: { ...query, previousOutcome: 0 } } as const
  await eventually(async () => {
    const { estimate } = await call(pair.estimatorClient.estimate.bind(pair.estimatorClient), request, 5000)
    return (estimate?.executions ?? 0) >= executions ? true : undefined
  })
}
