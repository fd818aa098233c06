import { expect, test } from 'vitest'
import { type Outcome, outcomes } from '../../../shared/domain/execution.ts'
import { dimensions } from '../../../shared/domain/resources.ts'
import { ranOutOf } from '../../../shared/domain/shortage.ts'

const given = { cpuCores: 1, memoryBytes: 100, diskBytes: 100, gpuMemoryBytes: 100, durationMs: 100 }
const blamed = (outcome: Outcome, used: Readonly<Record<string, number>> = {}) =>
  dimensions.filter((dimension) => ranOutOf({ outcome, allocated: given, used }, dimension))

test('out of memory is the fault of memory, whatever its peak was seen to be', () => {
  expect(blamed('out-of-memory')).toEqual(['memoryBytes'])
  expect(blamed('out-of-memory', { memoryBytes: 3, diskBytes: 97, gpuMemoryBytes: 50 })).toEqual([
    'memoryBytes',
  ])
})

test('out of memory is also the fault of disk and GPU memory that had met their limits', () => {
  expect(blamed('out-of-memory', { diskBytes: 98 })).toEqual(['memoryBytes', 'diskBytes'])
  expect(blamed('out-of-memory', { gpuMemoryBytes: 100 })).toEqual(['memoryBytes', 'gpuMemoryBytes'])
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
