import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

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
  /** Until the command's first instruction, the least of many over that of the command started plainly. */
  readonly startAddedMs: number
  /** From start to end, likewise: with the report. */
  readonly wallAddedMs: number
  /** CPU time of the wrapper, its own start included, over the first two seconds of a command. */
  readonly cpuMs: number
}

const root = join(import.meta.dirname, '..')

/** Those that are there. */
export function wrappers(profiler: string): readonly Wrapper[] {
  const run = [join(root, 'cli', 'foresize'), 'run', '--task', 'bench', '--profiler', profiler, '--']
  const program = join(root, '.foresize', 'bin', 'foresize-run')
  return [
    { name: 'foresize-run', command: [program, ...run.slice(2)] },
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
  const added = (each: Wrapper, which: 'start' | 'wall') =>
    // On a busy machine the least says something: nobody stood in its way.
    Math.min(...(times.get(each)?.[which] ?? [])) - Math.min(...(times.get(plain)?.[which] ?? []))
  const costs: WrapperCost[] = []
  for (const each of all) {
    costs.push({
      name: each.name,
      ...(await weighed(each)),
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

async function weighed({ command, env }: Wrapper): Promise<{ peakMemoryBytes: number; cpuMs: number }> {
  const [file = '', ...args] = [...command, 'sleep', '5']
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: 'ignore' })
  await new Promise((resolve) => setTimeout(resolve, 2000))
  const own = treeOf(child.pid ?? 0).filter((pid) => nameOf(pid) !== 'sleep')
  const peakMemoryBytes = sum(own.map(peakOf))
  const cpuMs = sum(own.map(cpuMsOf))
  await once(child, 'exit')
  return { peakMemoryBytes, cpuMs }
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
