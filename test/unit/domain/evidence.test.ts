import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exhaustedBy, isInformative, needEvidence, ranOutOf } from '../../../shared/domain/evidence.ts'
import { type Outcome, outcomes } from '../../../shared/domain/execution.ts'
import { dimensions } from '../../../shared/domain/resources.ts'
import { anyResources } from '../../support/arbitraries.ts'

const given = { cpuCores: 1, memoryBytes: 100, diskBytes: 100, gpuMemoryBytes: 100, durationMs: 100 }
const blamed = (outcome: Outcome, used: Readonly<Record<string, number>> = {}) =>
  dimensions.filter((dimension) => ranOutOf({ outcome, allocated: given, used }, dimension))

test('a run that went through shows its need exactly', () => {
  const attempt = { outcome: 'succeeded', allocated: given, used: { memoryBytes: 70, cpuCores: 0 } } as const
  expect(needEvidence(attempt, 'memoryBytes')).toEqual({ kind: 'exact', need: 70 })
  expect(needEvidence(attempt, 'cpuCores')).toEqual({ kind: 'exact', need: 0 })
  expect(needEvidence(attempt, 'durationMs')).toBeUndefined()
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, -1])('a use of %d is no evidence', (memoryBytes) => {
  for (const outcome of ['succeeded', 'failed', 'out-of-memory'] as const)
    expect(needEvidence({ outcome, allocated: {}, used: { memoryBytes } }, 'memoryBytes')).toBeUndefined()
})

test('a need is censored at what the attempt was given, or at its peak where that is unknown', () => {
  const used = { memoryBytes: 95, durationMs: 60 }
  const killed = { outcome: 'out-of-memory', allocated: given, used } as const
  expect(needEvidence(killed, 'memoryBytes')).toEqual({ kind: 'censored', above: 100 })
  expect(needEvidence({ ...killed, allocated: {} }, 'memoryBytes')).toEqual({ kind: 'censored', above: 95 })
  expect(needEvidence({ ...killed, allocated: {}, used: {} }, 'memoryBytes')).toBeUndefined()
  expect(needEvidence(killed, 'durationMs')).toEqual({ kind: 'partial', atLeast: 60 })
  expect(needEvidence({ ...killed, outcome: 'timed-out' }, 'durationMs')).toEqual({
    kind: 'censored',
    above: 100,
  })
})

test('a part of a run bounds every need from below but that of cores, of which only a mean is known', () => {
  for (const outcome of ['failed', 'timed-out', 'out-of-memory'] as const) {
    const attempt = { outcome, allocated: {}, used: { cpuCores: 4, diskBytes: 7 } }
    expect(needEvidence(attempt, 'cpuCores')).toBeUndefined()
    expect(needEvidence(attempt, 'diskBytes')).toEqual({ kind: 'partial', atLeast: 7 })
  }
})

test('only what ended by its own behaviour says anything of its need', () => {
  expect(outcomes.map((outcome) => [outcome, isInformative(outcome)])).toEqual([
    ['succeeded', true],
    ['failed', true],
    ['out-of-memory', true],
    ['timed-out', true],
    ['evicted', false],
    ['cancelled', false],
    ['lost', false],
  ])
  fc.assert(
    fc.property(
      fc.constantFrom(...outcomes),
      anyResources,
      anyResources,
      fc.constantFrom(...dimensions),
      (outcome, allocated, used, dimension) => {
        const evidence = needEvidence({ outcome, allocated, used }, dimension)
        if (evidence) expect(isInformative(outcome)).toBe(true)
        expect(evidence?.kind === 'exact').toBe(outcome === 'succeeded' && used[dimension] !== undefined)
      },
    ),
  )
})

test('out of memory is the fault of memory, whatever its peak was seen to be', () => {
  expect(blamed('out-of-memory')).toEqual(['memoryBytes'])
  expect(blamed('out-of-memory', { memoryBytes: 3, diskBytes: 97, gpuMemoryBytes: 50 })).toEqual([
    'memoryBytes',
  ])
})

test('out of memory is also the fault of disk and GPU memory that had met their limits', () => {
  expect(blamed('out-of-memory', { diskBytes: 98 })).toEqual(['memoryBytes', 'diskBytes'])
  expect(blamed('out-of-memory', { gpuMemoryBytes: 100 })).toEqual(['memoryBytes', 'gpuMemoryBytes'])
  expect(blamed('out-of-memory', { cpuCores: 1, durationMs: 100 })).toEqual(['memoryBytes'])
  expect(
    ranOutOf({ outcome: 'out-of-memory', allocated: {}, used: { gpuMemoryBytes: 100 } }, 'gpuMemoryBytes'),
  ).toBe(false)
})

test('a time-out is the fault of time, and no other end blames anything', () => {
  for (const outcome of outcomes) {
    if (outcome === 'out-of-memory') continue
    expect(blamed(outcome, given)).toEqual(outcome === 'timed-out' ? ['durationMs'] : [])
  }
})

test('an outcome alone blames memory or time', () => {
  expect(Object.fromEntries(outcomes.map((outcome) => [outcome, exhaustedBy(outcome)]))).toEqual({
    succeeded: undefined,
    failed: undefined,
    'out-of-memory': 'memoryBytes',
    'timed-out': 'durationMs',
    evicted: undefined,
    cancelled: undefined,
    lost: undefined,
  })
})
