import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What runs a command and tells what it used, beside the command. */
export interface Wrapper {
  readonly name: string
  readonly command: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

export interface WrapperCost {
  readonly name: string
  /** Peak of the wrapper's own processes, anonymous and mapped, while the command runs. */
  readonly peakMemoryBytes: number
  /** The same to its end, with what it holds while it reports. Of the largest process: the command is small. */
  readonly peakAtEndBytes: number | undefined
  /** Until the command's first instruction, over that of the command started plainly. */
  readonly startAddedMs: Added
  /** From start to end, likewise: with the report. */
  readonly wallAddedMs: Added
  /** CPU time of the wrapper, its own start included, over the first two seconds of a command. */
  readonly cpuMs: number
  /** Share of a core over the three seconds after that. */
  readonly cpuShare: number
}

/** On a busy machine the least says something: nobody stood in its way. */
export interface Added {
  readonly least: number
  readonly median: number
}

const root = join(import.meta.dirname, '..')

export interface Profilers {
  readonly plain: string
  /** With TLS: its address and the roots of its certificate. */
  readonly secure: { readonly address: string; readonly caFile: string }
}

/** Those that are there. */
export function wrappers({ plain, secure }: Profilers): readonly Wrapper[] {
  const run = [join(root, 'cli', 'foresize'), 'run', '--task', 'bench', '--profiler', plain, '--']
  const program = join(root, '.foresize', 'bin', 'foresize-run')
  const overTls = ['--task', 'bench', '--profiler', secure.address, '--ca', secure.caFile, '--']
  return [
    { name: 'foresize-run', command: [program, ...run.slice(2)] },
    { name: 'foresize-run over TLS', command: [program, ...overTls] },
    { name: 'GNU time', command: ['/usr/bin/time', '-o', '/dev/null', '-v'] },
    { name: "Node's foresize run", command: run, env: { FORESIZE_RUNNER: 'node' } },
  ].filter(({ command: [file = ''] }) => existsSync(file))
}

export async function wrapperCosts(all: readonly Wrapper[], rounds: number): Promise<readonly WrapperCost[]> {
  const plain: Wrapper = { name: 'plain', command: [] }
  const times = new Map(
    [plain, ...all].map((each) => [each, { start: [] as number[], wall: [] as number[] }]),
  )
  for (let round = 0; round <= rounds; round++) {
    for (const each of times.keys()) {
      const { startMs, wallMs } = await timed(each)
      // The first finds nothing in the page cache.
      if (round > 0) times.get(each)?.start.push(startMs)
      if (round > 0) times.get(each)?.wall.push(wallMs)
    }
  }
  const added = (each: Wrapper, which: 'start' | 'wall'): Added => {
    const [own, bare] = [each, plain].map((one) => (times.get(one)?.[which] ?? []).toSorted((a, b) => a - b))
    const over = (of: (sorted: readonly number[]) => number) => of(own ?? []) - of(bare ?? [])
    return {
      least: over((sorted) => sorted[0] ?? 0),
      median: over((sorted) => sorted[Math.floor(sorted.length / 2)] ?? 0),
    }
  }
  const costs: WrapperCost[] = []
  for (const each of all) {
    costs.push({
      name: each.name,
      ...(await weighed(each)),
      peakAtEndBytes: await peakAtEnd(each),
      startAddedMs: added(each, 'start'),
      wallAddedMs: added(each, 'wall'),
    })
  }
  return costs
}

/** A shell that says a word as soon as it runs. */
async function timed({ command, env }: Wrapper): Promise<{ startMs: number; wallMs: number }> {
  const [file = '', ...args] = [...command, 'sh', '-c', 'echo x']
  const before = performance.now()
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'ignore'] })
  const [first] = await Promise.all([
    once(child.stdout, 'data').then(() => performance.now()),
    once(child, 'exit'),
  ])
  return { startMs: first - before, wallMs: performance.now() - before }
}

async function weighed({
  command,
  env,
}: Wrapper): Promise<Pick<WrapperCost, 'peakMemoryBytes' | 'cpuMs' | 'cpuShare'>> {
  const [file = '', ...args] = [...command, 'sleep', '6']
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: 'ignore' })
  await new Promise((resolve) => setTimeout(resolve, 2000))
  const own = treeOf(child.pid ?? 0).filter((pid) => nameOf(pid) !== 'sleep')
  const peakMemoryBytes = sum(own.map(peakOf))
  const cpuMs = sum(own.map(cpuMsOf))
  const beganMs = performance.now()
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const cpuShare = (sum(own.map(cpuMsOf)) - cpuMs) / (performance.now() - beganMs)
  await once(child, 'exit')
  return { peakMemoryBytes, cpuMs, cpuShare }
}

/** By GNU time, which holds little itself: ru_maxrss starts from what whoever starts a command holds. */
async function peakAtEnd({ command, env }: Wrapper): Promise<number | undefined> {
  const args = ['-f', '%M', '--', ...command, 'sleep', '0.5']
  const run = promisify(execFile)
  const ran = await run('/usr/bin/time', args, { env: { ...process.env, ...env } }).catch(() => undefined)
  return ran && Number(ran.stderr.trim().split('\n').at(-1)) * 1024
}

function treeOf(pid: number): readonly number[] {
  const { stdout } = spawnSync('ps', ['--ppid', `${pid}`, '-o', 'pid='], { encoding: 'utf8' })
  return [pid, ...stdout.split('\n').map(Number).filter(Boolean).flatMap(treeOf)]
}

const nameOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()

const peakOf = (pid: number) =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

const cpuMsOf = (pid: number) =>
  sum(
    readdirSync(`/proc/${pid}/task`).map(
      (thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6,
    ),
  )

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
