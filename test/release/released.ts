import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

export interface Released {
  /** What `make release` has built. */
  readonly built: string
  /** An empty folder outside of the repository. */
  folder(name: string): string
  /** The one file that begins with `prefix` and ends with `suffix`. */
  file(prefix: string, suffix: string): string
  remove(): void
}

/** Builds parts of a release, as `make release PARTS=…` does. */
export function releaseOf(...parts: readonly string[]): Released {
  const place = mkdtempSync(join(tmpdir(), 'foresize-released-'))
  const built = join(place, 'built')
  const env = { ...process.env, RELEASE_FOLDER: built }
  execFileSync(process.execPath, ['scripts/release/main.ts', ...parts], { cwd: root, env, stdio: 'inherit' })
  return {
    built,
    folder(name) {
      const folder = join(place, name)
      mkdirSync(folder, { recursive: true })
      return folder
    },
    file(prefix, suffix) {
      const found = readdirSync(built).filter((name) => name.startsWith(prefix) && name.endsWith(suffix))
      if (found.length !== 1) throw new Error(`${found.length} files ${prefix}…${suffix} in ${built}`)
      return join(built, found[0] ?? '')
    },
    remove: () => rmSync(place, { recursive: true, force: true }),
  }
}

const systemPath = () =>
  (process.env['PATH'] ?? '').split(delimiter).filter((each) => !each.startsWith(`${root}/`))

/** The file that a command of a user's path is. */
export const pathOf = (command: string): string | undefined =>
  systemPath()
    .map((folder) => join(folder, command))
    .find((file) => existsSync(file))

/** Runs a program as a user of the release would, with nothing of the repository on the path. */
export function runIn(
  cwd: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): string {
  return execFileSync(command, args, {
    cwd,
    env: { ...process.env, PATH: systemPath().join(delimiter), ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** A path on which `node` is that of `file` alone, beside the system's tools. */
export const pathWith = (file: string) => [dirname(file), '/usr/bin', '/bin'].join(delimiter)
