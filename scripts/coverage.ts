import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { resolve } from 'node:path'

/**
 * Lines and branches of services/ and shared/ that the tests reach, in their own processes and in those they spawn.
 * Below the floor it fails; above, it raises the floor, which nobody lowers by accident.
 *   node scripts/coverage.ts            every suite
 *   node scripts/coverage.ts test/unit  some of them: nothing is held to the floor
 */
const tests = process.argv.slice(2)
const folder = '.foresize/coverage'
const floorFile = 'coverage-floor.json'

interface Floor {
  readonly lines: number
  readonly branches: number
}

rmSync(folder, { recursive: true, force: true })
const ran = run('vitest', ['run', ...tests], { NODE_V8_COVERAGE: resolve(folder, 'v8') })
report()
const found = measured()
process.stdout.write(`lines ${found.lines} %, branches ${found.branches} %\n`)
process.exitCode = ran === 0 && (tests.length > 0 || holdsTo(found)) ? 0 : 1

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): number | null {
  return spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } }).status
}

function report(): void {
  const sources = ['services', 'shared']
  const status = run('c8', [
    'report',
    ...['--temp-directory', `${folder}/v8`, '--reports-dir', folder, '--merge-async'],
    ...sources.flatMap((source) => ['--src', source, '--include', `${source}/**/*.ts`]),
    ...['shared/wire/gen/**', ...typesAlone(sources)].flatMap((path) => ['--exclude', path]),
    ...['--all', '--extension', '.ts', '--reporter', 'text', '--reporter', 'json-summary'],
  ])
  if (status !== 0) process.exit(1)
}

/** Files of which nothing is left to run: no test can load them. */
function typesAlone(sources: readonly string[]): readonly string[] {
  const comments = /\/\*[\s\S]*?\*\/|\/\/.*/g
  return globSync(`{${sources.join(',')}}/**/*.ts`).filter((path) =>
    /^[;\s]*$/.test(stripTypeScriptTypes(readFileSync(path, 'utf8')).replaceAll(comments, '')),
  )
}

function measured(): Floor {
  const { total } = JSON.parse(readFileSync(`${folder}/coverage-summary.json`, 'utf8')) as {
    readonly total: Record<'lines' | 'branches', { readonly pct: number }>
  }
  const whole = (percent: number) => Math.floor(percent * 10) / 10
  return { lines: whole(total.lines.pct), branches: whole(total.branches.pct) }
}

function holdsTo(found: Floor): boolean {
  const floor = JSON.parse(readFileSync(floorFile, 'utf8')) as Floor
  if (found.lines < floor.lines || found.branches < floor.branches) {
    process.stderr.write(`below the floor: lines ${floor.lines} %, branches ${floor.branches} %\n`)
    return false
  }
  writeFileSync(floorFile, `${JSON.stringify(found, null, 2)}\n`)
  return true
}
