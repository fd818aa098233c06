import { execFileSync } from 'node:child_process'
import { unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Resources } from '../../shared/domain/resources.ts'

/** A kind of work that the demo runs: a real program on a real file. */
export interface DemoTask {
  readonly name: string
  /** What a careful user would ask for without having measured. */
  readonly requested: Resources
  readonly minInputBytes: number
  readonly maxInputBytes: number
  command(input: string): { readonly command: string; readonly args: readonly string[] }
}

const MiB = 2 ** 20
const program = (name: string) => join(import.meta.dirname, 'programs', name)
const node = (name: string, input: string) => ({
  command: process.execPath,
  args: ['--disable-warning=ExperimentalWarning', program(name), input],
})

const tasks: readonly DemoTask[] = [
  {
    name: 'sort',
    requested: { memoryBytes: 512 * MiB, durationMs: 60_000 },
    minInputBytes: 2 * MiB,
    maxInputBytes: 24 * MiB,
    command: (input) => ({
      command: 'sort',
      args: ['--key=2', '--field-separator=,', '-o', '/dev/null', input],
    }),
  },
  {
    name: 'gzip',
    requested: { memoryBytes: 256 * MiB, durationMs: 60_000 },
    minInputBytes: 1 * MiB,
    maxInputBytes: 12 * MiB,
    command: (input) => ({ command: 'gzip', args: ['-9', '-c', input] }),
  },
  {
    name: 'build-index',
    requested: { memoryBytes: 1024 * MiB, durationMs: 60_000 },
    minInputBytes: 1 * MiB,
    maxInputBytes: 16 * MiB,
    command: (input) => node('build-index.ts', input),
  },
  {
    name: 'load-sqlite',
    requested: { memoryBytes: 1024 * MiB, durationMs: 60_000 },
    minInputBytes: 1 * MiB,
    maxInputBytes: 10 * MiB,
    command: (input) => node('load-sqlite.ts', input),
  },
]

/** Those whose program is on this machine. */
export function availableTasks(): readonly DemoTask[] {
  return tasks.filter((task) => {
    const { command } = task.command('')
    if (command === process.execPath) return true
    try {
      execFileSync('sh', ['-c', 'command -v "$1"', 'sh', command], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
}

/** Mulberry32: the same seed gives the same demo. */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface Inputs {
  /** A new file of about so many bytes, whole lines. */
  write(name: string, bytes: number): { readonly path: string; readonly bytes: number }
  remove(path: string): void
}

/** Input files are the first lines of one random text, so that making them costs next to nothing. */
export function inputsIn(folder: string, maxBytes: number, random: () => number): Inputs {
  const lines: string[] = []
  for (let size = 0; size < maxBytes; ) {
    const id = Math.floor(random() * 2 ** 40).toString(16)
    const line = `${id},customer-${Math.floor(random() * 50_000)},${(random() * 1000).toFixed(2)}\n`
    size += line.length
    lines.push(line)
  }
  const text = Buffer.from(lines.join(''))
  return {
    write(name, bytes) {
      const end = text.indexOf('\n', Math.min(bytes, text.length - 1)) + 1 || text.length
      const path = join(folder, name)
      writeFileSync(path, text.subarray(0, end))
      return { path, bytes: end }
    },
    remove: (path) => unlinkSync(path),
  }
}
