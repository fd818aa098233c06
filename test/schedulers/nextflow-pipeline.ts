import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../e2e/support.ts'
import type { Attempt } from './scheduler.ts'

/** The pipeline of nextflow/main.nf, run by the real Nextflow with the plugin of integrations/nextflow. */

const run = promisify(execFile)
const sources = join(import.meta.dirname, 'nextflow')
const folder = join(root, '.foresize', 'schedulers', 'nextflow')
const libraries = join(folder, 'lib')
const plugins = join(folder, 'plugins')

/** As main.nf has it, in Nextflow's units. */
export const requestedBytes = 400 * 2 ** 20

/** What this machine lacks; undefined where Nextflow was fetched, where need be, and the plugin built. */
export async function built(): Promise<string | undefined> {
  try {
    await run('java', ['-version'])
  } catch {
    return 'it needs Java 17'
  }
  if (!existsSync(libraries))
    process.stdout.write('nextflow: fetching 24.10.0 from Maven Central, 40 MB, below .foresize\n')
  try {
    await run(join(root, 'integrations/nextflow/build.sh'), [libraries, plugins], { timeout: 1_200_000 })
    return undefined
  } catch (error) {
    return `its plugin cannot be built: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** What Nextflow's own launcher opens of Java, as far as this pipeline needs it. */
const opened = ['lang', 'io', 'nio', 'net', 'util'].map(
  (name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`,
)

/** @param foresize the variables by which the plugin finds it. Rejects with what Nextflow said where it fails. */
export async function launch(
  work: string,
  foresize: NodeJS.ProcessEnv,
  args: readonly string[],
): Promise<string> {
  const java = [...opened, '-cp', `${libraries}/*`, 'nextflow.cli.Launcher', ...args]
  const env = {
    ...process.env,
    NXF_HOME: join(work, 'home'),
    NXF_OFFLINE: 'true',
    NXF_PLUGINS_DIR: plugins,
    NXF_PLUGINS_DEFAULT: 'false',
    NXF_ANSI_LOG: 'false',
    ...foresize,
  }
  try {
    const { stdout } = await run('java', java, { cwd: work, env, timeout: 600_000 })
    return stdout
  } catch (error) {
    const { message, stdout } = error as { readonly message: string; readonly stdout: string }
    throw new Error(`${message}\n${stdout}`.slice(-8000))
  }
}

export interface Pipeline {
  /** Named by their sizes: `any-2000000`. */
  readonly inputs: readonly string[]
  /** What holds memory: see burn.c. */
  readonly burn: string
  readonly foresize: NodeJS.ProcessEnv
}

export interface Running {
  /** Attempts that have ended so far. */
  ended(): readonly Row[]
  /** All of them. Rejects where the run fails. */
  readonly done: Promise<readonly Row[]>
}

/** @param name of the run, in `work`. */
export function startPipeline(work: string, name: string, { inputs, burn, foresize }: Pipeline): Running {
  const place = join(work, name)
  const trace = join(work, `${name}.txt`)
  mkdirSync(place)
  for (const input of inputs) {
    writeFileSync(join(place, input), '')
    truncateSync(join(place, input), bytesOf(input))
  }
  const parameters = ['--inputs', place, '--burn', burn, '--limited', join(sources, 'limited.sh')]
  const files = ['-c', join(sources, 'nextflow.config'), 'run', join(sources, 'main.nf')]
  const ended = () => (existsSync(trace) ? rowsIn(readFileSync(trace, 'utf8')) : [])
  const done = launch(work, foresize, [...files, ...parameters, '-with-trace', trace]).then(ended)
  // Whoever awaits it hears of a failure.
  done.catch(() => undefined)
  return { ended, done }
}

const bytesOf = (input: string) => Math.round(Number(input.slice(input.indexOf('-') + 1)))

export type Row = Omit<Attempt, 'phase'>

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
