import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

/** The part of vitest's JSON report that counts what was really executed. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numFailedTestSuites: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly {
    /** The file's path. */
    readonly name: string
    readonly status: string
    /** Why the file as a whole failed, else empty. */
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/** What a failure says, without the stack of what ran the test. */
const REASON_LINES = 12
const reason = (message: string) =>
  stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => !/^\s+at .*(node_modules|node:)|at new Promise/.test(line))
    .slice(0, REASON_LINES)
    .map((line) => `    ${line}\n`)
    .join('')

/**
 * Prints what failed and why, in short, so that the end of a log tells it, and `N passed, N failed` as the last line of
 * a test run. A skipped test has shown nothing, and neither has a run of none: both fail.
 */
const path = process.argv[2] ?? '.foresize/test-results.json'
const report = JSON.parse(readFileSync(path, 'utf8')) as Report
for (const { name, status, message, assertionResults } of report.testResults) {
  const failed = assertionResults.filter((test) => test.status === 'failed')
  const file = relative('.', name)
  if (status === 'failed' && failed.length === 0) process.stdout.write(`FAILED ${file}\n${reason(message)}`)
  for (const { fullName, failureMessages } of failed)
    process.stdout.write(`FAILED ${file} > ${fullName}\n${reason(failureMessages.join('\n'))}`)
}
const skipped = report.numPendingTests + report.numTodoTests
if (skipped > 0)
  process.stdout.write(`${skipped} skipped: a test that cannot run must fail and say what it needs\n`)
// Left by a suite whose toolchain is missing on this machine; in CI that fails.
const notRun = '.foresize/not-run'
const missing = existsSync(notRun) ? readdirSync(notRun) : []
if (missing.length > 0) process.stdout.write(`\nNOT RUN on this machine: ${missing.length} suites\n`)
for (const name of missing) process.stdout.write(`  ${readFileSync(`${notRun}/${name}`, 'utf8').trim()}\n`)
process.stdout.write(
  `${report.numPassedTests} passed, ${report.numFailedTests} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
)
const ran = report.numPassedTests + report.numFailedTests
process.exitCode = ran > 0 && skipped + report.numFailedTests + report.numFailedTestSuites === 0 ? 0 : 1
