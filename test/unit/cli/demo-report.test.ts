import { expect, test } from 'vitest'
import { report } from '../../../cli/demo/report.ts'

const reportOf = (failedCalls: number, failedMeanwhile: number) =>
  report({
    tasks: [],
    ledger: [],
    calls: { calls: 87, failedCalls, failedMeanwhile, cached: 300 },
    tookMs: 60_000,
  })

test('calls that the demo itself left without an estimator are told apart from those that failed', () => {
  const line =
    'The estimator was asked 63 times, and 24 times while it was stopped; 300 answers were kept ones.'
  expect(reportOf(24, 24)).toMatch(new RegExp(`${line}\n$`))
  expect(reportOf(26, 24)).toContain(`${line} 2 more had no answer in time.`)
})
