import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** The part of vitest's JSON report that counts what was really executed. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numFailedTestSuites: number
  readonly numPendingTests: number
  readonly numTodoTests: number
}

/**
 * Prints `N passed, N failed` as the last line of a test run. A skipped test has shown nothing, and neither has a run
 * of none: both fail.
 */
const path = process.argv[2] ?? '.foresize/test-results.json'
const report = JSON.parse(readFileSync(path, 'utf8')) as Report
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
