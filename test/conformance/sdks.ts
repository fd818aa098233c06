import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Operation } from './vector.ts'

const root = join(import.meta.dirname, '..', '..')
const drivers = join(import.meta.dirname, 'drivers')

/** An SDK and how its driver is started. */
export interface Sdk {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  /** What `make` builds of it first, and what a machine needs for that. */
  readonly needs?: { readonly path: string; readonly toolchain: string }
}

/** Another Python that has the package, where scripts/test-pythons.sh names one. */
export const python = process.env['FORESIZE_TEST_PYTHON'] ?? join(root, '.foresize', 'venv', 'bin', 'python')
const goDriver = join(root, '.foresize', 'bin', 'conformance-go')

export const sdks: readonly Sdk[] = [
  { name: 'typescript', command: [process.execPath, join(drivers, 'driver.ts')] },
  {
    name: 'python',
    command: [python, join(drivers, 'driver.py')],
    needs: { path: python, toolchain: 'Python 3.9 or newer with venv' },
  },
  { name: 'go', command: [goDriver], needs: { path: goDriver, toolchain: 'Go 1.24 or newer' } },
]

const runnerProgram = join(root, '.foresize', 'bin', 'foresize-run')

/** One process an execution: it plays the vectors that are about single runs. */
export const runner: Sdk = {
  name: 'foresize-run',
  command: [process.execPath, join(drivers, 'driver-runner.ts'), runnerProgram],
  needs: { path: runnerProgram, toolchain: 'Go 1.24 or newer' },
}

const notRun = join(root, '.foresize', 'not-run')

export const noteOf = (name: string, suite: string) => join(notRun, `${suite}-${name}`)

/**
 * Whether what `make` builds for it is there. Where it is not, CI fails, and anywhere else the end of `make test` names
 * it: scripts/test-count.ts reads what is left here.
 */
export function isPresent({ name, needs }: Pick<Sdk, 'name' | 'needs'>, suite: string): boolean {
  const note = noteOf(name, suite)
  rmSync(note, { force: true })
  if (needs === undefined || existsSync(needs.path)) return true
  const said = `${suite} of ${name}: needs ${needs.toolchain}`
  if (process.env['CI'] === 'true') throw new Error(`${said}, and CI must run it`)
  mkdirSync(notRun, { recursive: true })
  writeFileSync(note, `${said}\n`)
  return false
}

export interface Driver {
  /** One operation; rejects where the SDK threw, or the driver ended. */
  perform(operation: Operation): Promise<Readonly<Record<string, unknown>>>
  readonly child: ChildProcess
  stop(): Promise<void>
}

export function startDriver(sdk: Sdk, env: NodeJS.ProcessEnv = {}): Driver {
  const [command, ...args] = sdk.command
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const waiting: PromiseWithResolvers<Readonly<Record<string, unknown>>>[] = []
  let said = ''
  child.stderr.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-4000)
  })
  child.stdin.on('error', () => undefined)
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as Readonly<Record<string, unknown>>
    const asked = waiting.shift()
    if (answer['error'] === undefined) asked?.resolve(answer)
    else asked?.reject(new Error(`${sdk.name}: ${String(answer['error'])}`))
  })
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  }).then(() => {
    for (const asked of waiting.splice(0)) asked.reject(new Error(`${sdk.name}: its driver ended: ${said}`))
  })
  return {
    child,
    perform(operation) {
      const asked = Promise.withResolvers<Readonly<Record<string, unknown>>>()
      waiting.push(asked)
      child.stdin.write(`${JSON.stringify(operation)}\n`)
      return asked.promise
    },
    async stop() {
      child.stdin.end()
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
      await ended
      clearTimeout(timer)
    },
  }
}
