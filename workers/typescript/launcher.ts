import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** What launcher/launch.c reports of a command, one line each; the format is in its head. */
export type LauncherReport =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'refused'; readonly errno: number }
  | {
      readonly kind: 'ended'
      readonly by: 'exit' | 'signal'
      /** Exit code or signal number. */
      readonly number: number
      readonly wallMs: number
      readonly cpuSeconds: number
      /** Of the largest single process. */
      readonly peakMemoryBytes: number
    }

/** The compiled launcher, undefined where it was not built: then commands are measured by sampling alone. */
export function findLauncher(
  path = process.env['FORESIZE_LAUNCHER'] ?? join(import.meta.dirname, 'launcher', 'launch'),
): string | undefined {
  try {
    accessSync(path, constants.X_OK)
    return path
  } catch {
    return undefined
  }
}

/** Undefined for a line that is none of the three. */
export function parseReport(line: string): LauncherReport | undefined {
  const [kind, ...words] = line.trim().split(' ')
  if (kind === 'started') return numeric(words, (pid = 0) => ({ kind, pid }))
  if (kind === 'refused') return numeric(words, (errno = 0) => ({ kind, errno }))
  const [by, ...figures] = words
  if (kind !== 'ended' || (by !== 'exit' && by !== 'signal') || figures.length !== 5) return undefined
  return numeric(figures, (number = 0, wall = 0, user = 0, system = 0, peakMemoryBytes = 0) => ({
    kind,
    by,
    number,
    wallMs: wall / 1000,
    cpuSeconds: (user + system) / 1e6,
    peakMemoryBytes,
  }))
}

function numeric(
  words: readonly string[],
  build: (...numbers: number[]) => LauncherReport,
): LauncherReport | undefined {
  const numbers = words.map(Number)
  return numbers.length > 0 && numbers.every(Number.isFinite) ? build(...numbers) : undefined
}
