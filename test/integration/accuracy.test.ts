import { afterAll, beforeAll, expect, test } from 'vitest'
import { accuracy } from '../../cli/accuracy.ts'
import type { VariantComparison } from '../../cli/accuracy-compare.ts'
import { UsageError } from '../../cli/command.ts'
import type { Estimate } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { runCommand } from '../support/command-line.ts'
import { estimatorFixture } from '../support/estimator-fixture.ts'
import { recordOf } from '../support/executions.ts'
import { pairFixture } from '../support/pair-fixture.ts'
import { randomOf } from '../support/random.ts'

/** An A/B test from the first estimate to the verdict, on the real pair: what a wasteful variant costs is found. */

let pair: Awaited<ReturnType<typeof pairFixture>>
let estimator: Awaited<ReturnType<typeof estimatorFixture>>
let where: string[]

const tasks = ['small', 'large']
const executions = 100

beforeAll(async () => {
  pair = await pairFixture()
  estimator = await estimatorFixture({
    profiler: pair.profilerAddress,
    variants: [
      { name: 'plain', share: 0.5 },
      { name: 'spare', share: 0.5, strategies: ['max-seen'], targetCoverage: 0.999 },
    ],
  })
  where = ['--estimator', estimator.address, '--profiler', pair.profilerAddress]
  const random = randomOf(1)
  for (const [scale, task] of tasks.entries()) {
    for (let i = 0; i < executions; i++) await runOnce(task, i, 10 ** (8 + scale) * (1 + 3 * random()) ** 2)
  }
}, 120_000)

afterAll(async () => {
  await estimator.close()
  await pair.close()
})

/** One execution as it goes: asked for, given, run, reported with the token that came with the estimate. */
async function runOnce(task: string, i: number, need: number): Promise<void> {
  const executionId = `${task}-${i}`
  const key = { namespace: 'default', task }
  const estimate: Estimate = await estimator.estimate({ task: key, executionId })
  const given = estimate.resources?.memoryBytes ?? 0
  const used = { memoryBytes: Math.min(need, given), durationMs: 60_000 }
  const ending = given < need ? { outcome: 'out-of-memory' as const } : {}
  const sized = { task: key, allocated: { memoryBytes: given }, estimateToken: estimate.estimateToken }
  await pair.report(recordOf(executionId, used, { ...sized, ...ending }))
}

const json = async (...args: string[]) => {
  const { code, out } = await runCommand(accuracy, [...args, ...where, '--json'])
  expect(code).toBe(0)
  return JSON.parse(out)
}

/** Asked until the estimator has heard of every execution. */
async function settled(): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const scores: { strategy: string; dimension: string; executions: number }[] = await json('large')
    const memory = scores.filter(({ dimension }) => dimension === 'memoryBytes')
    if (memory.reduce((sum, score) => sum + score.executions, 0) >= executions) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('the estimator never heard of every execution')
}

test('each execution is scored once, under its variant, over both windows', async () => {
  await settled()
  const scores = await json('large', '--strategies')
  const own = scores.filter((s: { strategy: string; dimension: string }) => s.strategy === 'foresize')
  const memory = own.filter(({ dimension }: { dimension: string }) => dimension === 'memoryBytes')
  expect(memory.map(({ variant }: { variant: string }) => variant)).toEqual(['plain', 'spare'])
  const total = memory.reduce((sum: number, { executions: n }: { executions: number }) => sum + n, 0)
  expect(total).toBe(executions)
  for (const score of memory) {
    expect(score.total.weight).toBeCloseTo(score.executions, 6)
    expect(score.weight).toBeLessThan(score.executions)
    expect(score.total.cost).toBeGreaterThanOrEqual(score.total.wastage)
    expect(score.total.calibrationError).toBeGreaterThanOrEqual(0)
    expect(score.total.coverageInterval.low).toBeLessThanOrEqual(score.total.coverage)
  }
  expect(scores.some((s: { strategy: string }) => s.strategy === 'max-seen')).toBe(true)
})

test('the comparison finds the variant that costs more, over all tasks', async () => {
  await settled()
  const { comparisons } = (await json('--compare', '--baseline', 'plain')) as {
    comparisons: VariantComparison[]
  }
  const spare = comparisons.find(({ variant }) => variant === 'spare')
  expect(spare).toMatchObject({ tasks: 2, baseline: 'plain', verdict: 'dearer' })
  expect(spare?.costRatio?.low).toBeGreaterThan(1)
  expect(spare?.coverageDifference?.value).toBeGreaterThan(0)
  const { out } = await runCommand(accuracy, ['--compare', '--baseline', 'plain', ...where])
  expect(out).toMatch(/^spare +\d+ +2 +\+\d+ % \(\+\d+ % to \+\d+ %\) +.*dearer$/m)
})

test('the table names what it shows; a task that nobody scored says so', async () => {
  const { out } = await runCommand(accuracy, ['large', '--window', 'all', ...where])
  expect(out).toMatch(/^ +answer +variant +scored +sufficed/m)
  expect(out).toMatch(/^memory +given +spare +\d+ /m)
  const { out: none } = await runCommand(accuracy, ['nobody', ...where])
  expect(none).toMatch(/There is no task nobody in namespace default/)
})

test.each([
  [[]],
  [['a', 'b']],
  [['a', '--window', 'old']],
  [['a', '--baseline', 'x']],
  [['--compare', '--dimension', 'x']],
])('%j is refused as wrong usage', async (args) => {
  await expect(runCommand(accuracy, [...args, ...where])).rejects.toThrow(UsageError)
})
