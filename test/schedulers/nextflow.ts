import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
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
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort, type RunningService, startService } from '../../cli/pair.ts'
import { compile, countOf, eventually, type Pair, root } from '../e2e/support.ts'
import { type Attempt, type Scheduler, withForesizeAway } from './scheduler.ts'

/** A pipeline of the real Nextflow, on its local executor, sized by the plugin of integrations/nextflow. */
export const nextflow: Scheduler = {
  name: 'nextflow',
  async notRun() {
    if (process.getuid?.() !== 0 || !existsSync('/sys/fs/cgroup/memory/tasks'))
      return 'its tasks need root and the memory controller of cgroup v1, to be held to what they are given'
    try {
      await run('java', ['-version'])
    } catch {
      return 'it needs Java 17'
    }
    return built()
  },
  async run(pair) {
    const work = mkdtempSync(join(tmpdir(), 'foresize-nextflow-'))
    const gateway = await startService({
      service: 'gateway',
      listen: `127.0.0.1:${await freePort()}`,
      flags: ['--profiler', pair.profilerAddress, '--estimator', pair.estimatorAddress, '--metrics-listen='],
      onLog: () => {},
    })
    try {
      const version = /version (\S+)/.exec(await launch(work, gateway, ['-version']))?.[1] ?? ''
      return { version, attempts: await attempts(pair, gateway, work) }
    } finally {
      await gateway.stop()
      rmSync(work, { recursive: true, force: true })
    }
  },
}

const run = promisify(execFile)
const pipeline = join(import.meta.dirname, 'nextflow')
const folder = join(root, '.foresize', 'schedulers', 'nextflow')
const libraries = join(folder, 'lib')
const plugins = join(folder, 'plugins')

const perPhase = 12
const task = 'hold'
/** As main.nf has it, in the units of the plugin. */
const mebibyte = 2 ** 20
const requestedBytes = 400 * mebibyte

/** Fetches Nextflow where it is not there yet and builds the plugin. Why it cannot; undefined where it could. */
async function built(): Promise<string | undefined> {
  if (!existsSync(libraries))
    process.stdout.write('nextflow: fetching 24.10.0 from Maven Central, 40 MB, below .foresize\n')
  try {
    await run(join(root, 'integrations/nextflow/build.sh'), [libraries, plugins], { timeout: 1_200_000 })
    return undefined
  } catch (error) {
    return `its plugin cannot be built: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** What its own launcher opens of Java, as far as this pipeline needs it. */
const opened = ['lang', 'io', 'nio', 'net', 'util'].map(
  (name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`,
)

async function launch(work: string, gateway: RunningService, args: readonly string[]): Promise<string> {
  const java = [...opened, '-cp', `${libraries}/*`, 'nextflow.cli.Launcher', ...args]
  const env = {
    ...process.env,
    NXF_HOME: join(work, 'home'),
    NXF_OFFLINE: 'true',
    NXF_PLUGINS_DIR: plugins,
    NXF_PLUGINS_DEFAULT: 'false',
    NXF_ANSI_LOG: 'false',
    FORESIZE_GATEWAY: `http://${gateway.address}`,
  }
  try {
    const { stdout } = await run('java', java, { cwd: work, env, timeout: 600_000 })
    return stdout
  } catch (error) {
    const { message, stdout } = error as { readonly message: string; readonly stdout: string }
    throw new Error(`${message}\n${stdout}`.slice(-8000))
  }
}

async function attempts(pair: Pair, gateway: RunningService, work: string): Promise<readonly Attempt[]> {
  const burn = compile('burn', work)

  /** Runs the pipeline over inputs of its own; the rows of its trace. */
  async function phase(name: string, inputs: readonly string[]): Promise<readonly Row[]> {
    const place = join(work, name)
    mkdirSync(place)
    for (const input of inputs) {
      writeFileSync(join(place, input), '')
      truncateSync(join(place, input), bytesOf(input))
    }
    const parameters = ['--inputs', place, '--burn', burn, '--limited', join(pipeline, 'limited.sh')]
    const files = ['-c', join(pipeline, 'nextflow.config'), 'run', join(pipeline, 'main.nf')]
    await launch(work, gateway, [...files, ...parameters, '-with-trace', traceOf(name)])
    return rowsIn(readFileSync(traceOf(name), 'utf8'))
  }
  const traceOf = (name: string) => join(work, `${name}.txt`)
  const recorded = async () => countOf(await pair.profile(task, () => true))

  const first = await phase('first', inputs(perPhase, 0))
  assert(
    first.every(({ givenBytes }) => givenBytes === requestedBytes),
    'what is not known gets what it requests',
  )
  await eventually(async () => ((await recorded()) === first.length ? true : undefined))

  // One needs twice what its input tells; and in the middle, foresize is away for a while.
  const running = phase('second', [...inputs(perPhase, 3), `outlier-${40e6}`])
  running.catch(() => undefined)
  const hasBegun = () =>
    existsSync(traceOf('second')) && rowsIn(readFileSync(traceOf('second'), 'utf8')).length > 0
  while (!hasBegun()) await Promise.race([sleep(50), running])
  await withForesizeAway(pair, () => sleep(3000))
  const second = await running
  assert.equal(
    await recorded(),
    first.length + second.length,
    'what ended while foresize was away is on record',
  )

  const away = await withForesizeAway(pair, () => phase('third', inputs(3, 5)))
  return [
    ...first.map((row) => ({ ...row, phase: 'learned' as const })),
    ...second.map((row) => ({ ...row, phase: 'sized' as const })),
    ...away.map((row) => ({ ...row, phase: 'away' as const })),
  ]
}

/** Named by their sizes, from 10 to 60 MB. */
const inputs = (count: number, offset: number) =>
  Array.from({ length: count }, (_, i) => `input${i}-${10e6 + (((i * 5 + offset) % count) / count) * 50e6}`)

const bytesOf = (input: string) => Math.round(Number(input.slice(input.indexOf('-') + 1)))

type Row = Omit<Attempt, 'phase'>

function rowsIn(trace: string): readonly Row[] {
  const [header = '', ...lines] = trace.trim().split('\n')
  const names = header.split('\t')
  return lines.map((line) => {
    const values = line.split('\t')
    const field = (name: string) => values[names.indexOf(name)] ?? ''
    const number = (name: string) => (field(name) === '-' ? 0 : Number(field(name)))
    return {
      inputBytes: bytesOf(field('tag')),
      neededBytes: number('peak_rss'),
      requestedBytes,
      givenBytes: number('memory'),
      durationMs: number('realtime'),
      ended: field('exit') === '137' ? 'killed' : field('status') === 'COMPLETED' ? 'completed' : 'failed',
    }
  })
}
