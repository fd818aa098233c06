import fc from 'fast-check'
import { expect, test } from 'vitest'
import { notationNames, notations } from '../../../cli/notation.ts'
import { dimensions } from '../../../shared/domain/resources.ts'

test.each([
  ['slurm', '397M', '2', '2', '1M'],
  ['kubernetes', '397Mi', '1250m', '61', '1Mi'],
  ['nextflow', '397 MB', '2', '61s', '1 MB'],
  ['bytes', '415722310', '2', '61', '1'],
  ['mb', '416', '2', '61', '1'],
] as const)('%s writes amounts in whole numbers, rounded up', (name, memory, cpu, time, least) => {
  const { format } = notations[name]
  expect(format('memoryBytes', 415_722_309.86)).toBe(memory)
  expect(format('cpuCores', 1.2499)).toBe(cpu)
  expect(format('durationMs', 60_001)).toBe(time)
  expect(format('memoryBytes', 0.2)).toBe(least)
})

test('what is written reads back as no less, and as little more as the unit allows', () => {
  const unit = {
    cpuCores: 1,
    memoryBytes: 2 ** 20,
    diskBytes: 2 ** 20,
    gpuMemoryBytes: 2 ** 20,
    durationMs: 60_000,
  }
  fc.assert(
    fc.property(
      fc.constantFrom('slurm', 'kubernetes', 'nextflow'),
      fc.constantFrom(...dimensions),
      fc.double({ min: 1e-3, max: 1e12, noNaN: true }),
      (name, dimension, amount) => {
        const { format, parse } = notations[name as 'slurm']
        const read = parse(dimension, format(dimension, amount)) ?? Number.NaN
        expect(read).toBeGreaterThanOrEqual(amount * (1 - 1e-12))
        expect(read - amount).toBeLessThanOrEqual(Math.max(unit[dimension], amount * 1e-12))
      },
    ),
  )
})

test.each([
  ['slurm', 'memoryBytes', '4G', 4 * 2 ** 30],
  ['slurm', 'memoryBytes', '4000', 4000 * 2 ** 20],
  ['slurm', 'memoryBytes', '1.5G', undefined],
  ['slurm', 'memoryBytes', '4Gi', undefined],
  ['slurm', 'durationMs', '90', 90 * 60_000],
  ['slurm', 'durationMs', '10:30', 630_000],
  ['slurm', 'durationMs', '1:00:05', 3_605_000],
  ['slurm', 'durationMs', '1-2', 26 * 3_600_000],
  ['slurm', 'durationMs', '1-02:03:04', 93_784_000],
  ['slurm', 'cpuCores', '1.5', undefined],
  ['kubernetes', 'memoryBytes', '4G', 4e9],
  ['kubernetes', 'memoryBytes', '4Gi', 4 * 2 ** 30],
  ['kubernetes', 'cpuCores', '500m', 0.5],
  ['kubernetes', 'memoryBytes', '4GB', undefined],
  ['kubernetes', 'durationMs', '60', 60_000],
  ['nextflow', 'memoryBytes', '4 GB', 4 * 2 ** 30],
  ['nextflow', 'memoryBytes', '4.GB', 4 * 2 ** 30],
  ['nextflow', 'durationMs', '2h', 7_200_000],
  ['bytes', 'memoryBytes', '4G', 4e9],
  ['mb', 'memoryBytes', '4GiB', 4 * 2 ** 30],
  ['mb', 'memoryBytes', 'much', undefined],
] as const)('%s takes %s %j', (name, dimension, text, amount) => {
  expect(notations[name].parse(dimension, text)).toEqual(amount)
})

test('no notation takes nothing for an amount', () => {
  for (const name of notationNames) {
    for (const dimension of dimensions) expect(notations[name].parse(dimension, '')).toBeUndefined()
  }
})
