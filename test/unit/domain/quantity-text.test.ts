import { expect, test } from 'vitest'
import { formatOverTime } from '../../../shared/domain/quantity-text.ts'

test.each([
  ['memoryBytes', 3 * 2 ** 30 * 3_600_000, '3.00 GiB·h'],
  ['diskBytes', 2 ** 20 * 3_600_000, '1.00 MiB·h'],
  ['gpuMemoryBytes', 0, '0 B·h'],
  ['cpuCores', 1.5 * 3_600_000, '1.50 core·h'],
  ['durationMs', 1e12, '–'],
  ['memoryBytes', undefined, '–'],
] as const)('%s over time, %s, is %s', (dimension, amountMs, text) => {
  expect(formatOverTime(dimension, amountMs)).toBe(text)
})
