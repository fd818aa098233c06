import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { isPresent, noteOf, python, sdks } from './sdks.ts'

/** The suites that the SDKs bring in their own languages, against the real services too. */
const run = promisify(execFile)
const workers = join(import.meta.dirname, '..', '..', 'workers')
const others = sdks.filter(({ needs }) => needs !== undefined)
const present = new Set(others.filter((sdk) => isPresent(sdk, 'own tests')).map(({ name }) => name))

async function suite(command: string, args: readonly string[], folder: string): Promise<string> {
  const result = await run(command, [...args], {
    cwd: join(workers, folder),
    maxBuffer: 2 ** 24,
    timeout: 280_000,
    killSignal: 'SIGKILL',
  }).catch((error: { stdout?: string; stderr?: string; message: string }) => {
    throw new Error(`${error.message}\n${error.stdout ?? ''}\n${error.stderr ?? ''}`)
  })
  return result.stdout
}

const stacksOfWhatHangs = ['-o', 'faulthandler_timeout=120']

if (present.has('python')) {
  test('python: pytest', { timeout: 300_000 }, async () => {
    const said = await suite(
      python,
      ['-m', 'pytest', '-p', 'no:cacheprovider', ...stacksOfWhatHangs],
      'python',
    )
    expect(Number(/(\d+) passed/.exec(said)?.[1])).toBeGreaterThan(40)
    expect(said).not.toMatch(/skipped|xfailed/)
  })
}

if (present.has('go')) {
  test('go: go test -race', { timeout: 300_000 }, async () => {
    const said = await suite(
      'go',
      ['test', '-race', '-count=1', '-timeout=240s', '-v', '.', './internal/measure'],
      'go',
    )
    expect(said.match(/^--- PASS/gm)?.length).toBeGreaterThan(15)
    expect(said).not.toContain('--- SKIP')
  })

  // The race detector shadows every byte.
  test('go: go test of what is measured', { timeout: 300_000 }, async () => {
    const said = await suite(
      'go',
      ['test', '-count=1', '-timeout=240s', '-v', '-run', '^TestMeasured', '.'],
      'go',
    )
    expect(said.match(/^--- PASS/gm)?.length).toBeGreaterThan(5)
  })
}

test('a suite that this machine cannot run is named at the end', () => {
  for (const { name } of others) {
    expect(existsSync(noteOf(name, 'own tests')), name).toBe(!present.has(name))
  }
})
