import fc from 'fast-check'
import { expect, test } from 'vitest'
import { outcomeOf, peakMemory } from '../../../workers/typescript/command.ts'
import { createDirectives } from '../../../workers/typescript/directives.ts'

const plain = {
  exitCode: undefined,
  signal: undefined,
  refused: undefined,
  timedOut: false,
  stoppedBy: undefined,
  oomKilled: false,
} as const

test.each([
  ['exit 0', { exitCode: 0 }, 'succeeded'],
  ['exit 0 though asked to stop', { exitCode: 0, stoppedBy: 'SIGTERM' as const }, 'succeeded'],
  ['exit 1', { exitCode: 1 }, 'failed'],
  ['could not be executed', { refused: 'ENOENT', exitCode: 127 }, 'failed'],
  ['killed for memory', { signal: 'SIGKILL' as const, oomKilled: true }, 'out-of-memory'],
  ['a child killed for memory', { exitCode: 137, oomKilled: true }, 'out-of-memory'],
  [
    'over its time',
    { signal: 'SIGTERM' as const, timedOut: true, stoppedBy: 'SIGTERM' as const },
    'timed-out',
  ],
  ['stopped by its owner', { signal: 'SIGINT' as const, stoppedBy: 'SIGINT' as const }, 'cancelled'],
  ['stopped by its owner, by way of a shell', { exitCode: 143, stoppedBy: 'SIGTERM' as const }, 'cancelled'],
  ['failed after a signal that it survived', { exitCode: 2, stoppedBy: 'SIGUSR1' as const }, 'failed'],
  ['crashed', { signal: 'SIGSEGV' as const }, 'failed'],
])('%s', (_, ending, outcome) => {
  expect(outcomeOf({ ...plain, ...ending })).toBe(outcome)
})

test('the peak is never below what was sampled, nor above what the cgroup was charged', () => {
  const bytes = fc.option(fc.integer({ min: 1, max: 1e12 }), { nil: undefined })
  fc.assert(
    fc.property(bytes, bytes, bytes, bytes, (peakBytes, cacheBytes, rusage, sampled) => {
      const group = peakBytes === undefined ? undefined : { peakBytes, cacheBytes, oomKills: 0 }
      const { bytes: peak, source } = peakMemory(group, rusage, sampled)
      if (peakBytes !== undefined) {
        expect(source).toBe('cgroup')
        expect(peak).toBeLessThanOrEqual(peakBytes)
      } else {
        expect(peak ?? 0).toBe(Math.max(rusage ?? 0, sampled ?? 0))
        expect(source === 'unknown').toBe(peak === undefined)
      }
    }),
  )
})

test('page cache left over is no need', () => {
  expect(peakMemory({ peakBytes: 900, cacheBytes: 800, oomKills: 0 }, undefined, 300).bytes).toBe(300)
  expect(peakMemory({ peakBytes: 900, cacheBytes: 100, oomKills: 0 }, undefined, 300).bytes).toBe(800)
})

test('the share reported and its weight keep counts unbiased', () => {
  let state = 1
  const random = () => {
    state = (state * 16_807) % 2_147_483_647
    return state / 2_147_483_647
  }
  const directives = createDirectives(random)
  const task = { namespace: 'n', task: 't' }
  directives.receive({ task, executionFraction: 0.05, minSampleIntervalMs: 250 })
  let weight = 0
  for (let i = 0; i < 20_000; i++) {
    const decision = directives.decide(task)
    if (decision.isReported) weight += decision.weight
    expect(decision.minSampleIntervalMs).toBe(250)
  }
  expect(weight / 20_000).toBeGreaterThan(0.9)
  expect(weight / 20_000).toBeLessThan(1.1)
  expect(directives.decide({ namespace: 'n', task: 'other' })).toEqual({
    isReported: true,
    weight: 1,
    minSampleIntervalMs: 0,
  })
})

test.each([0, -1, 1.5, Number.NaN])('a fraction of %s is not followed', (executionFraction) => {
  const directives = createDirectives(() => 0.99)
  const task = { namespace: 'n', task: 't' }
  directives.receive({ task, executionFraction, minSampleIntervalMs: 0 })
  expect(directives.decide(task).weight).toBe(1)
})
