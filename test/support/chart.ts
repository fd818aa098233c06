import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Manifest, parseManifests, projectRoot } from './manifests.ts'

const run = promisify(execFile)

/** `--set` of Helm: a value by its path. */
export type Values = Readonly<Record<string, string | number | boolean | object>>

export interface Chart {
  readonly folder: string
  /** A command of Helm on the chart. Rejects with what it says where it fails. */
  helm(command: readonly string[], values?: Values): Promise<string>
  /** What `helm template` makes of it. */
  render(values: Values, namespace?: string): Promise<readonly Manifest[]>
  remove(): Promise<void>
}

/** The chart as `make chart` makes it. */
export async function builtChart(): Promise<Chart> {
  const place = await mkdtemp(join(tmpdir(), 'foresize-chart-'))
  const folder = join(place, 'foresize')
  const bin = join(projectRoot, '.foresize', 'bin')
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, HELM_CACHE_HOME: place }
  await run(process.execPath, [join(projectRoot, 'scripts/chart/main.ts'), folder], { env })

  async function helm(command: readonly string[], values: Values = {}): Promise<string> {
    const set = Object.entries(values).flatMap(([path, value]) => [
      '--set-json',
      `${path}=${JSON.stringify(value)}`,
    ])
    try {
      return (await run('helm', [...command, ...set], { env, maxBuffer: 16e6 })).stdout
    } catch (error) {
      const { stdout, stderr } = error as { readonly stdout?: string; readonly stderr?: string }
      throw new Error(`helm ${command.join(' ')}: ${stdout}\n${stderr}`, { cause: error })
    }
  }

  return {
    folder,
    helm,
    async render(values, namespace = 'foresize') {
      const version = ['--kube-version', '1.34.0']
      const text = await helm(['template', 'foresize', folder, '--namespace', namespace, ...version], values)
      return parseManifests(text).filter((each) => each !== null)
    },
    remove: () => rm(place, { recursive: true }),
  }
}
