import { expect, test } from 'vitest'
import { featuresOf } from '../../../services/kubernetes/domain/features.ts'
import { warningsOf } from '../../../services/kubernetes/domain/warnings.ts'
import { podOf } from './pods.ts'

const warningsFor = (annotations: Record<string, string>) =>
  warningsOf(featuresOf(podOf(undefined, { annotations })).violations)

test('an annotation that cannot be read is named, with what it says', () => {
  expect(warningsFor({ 'foresize.dev/feature.input_bytes': 'many' })).toEqual([
    'foresize: foresize.dev/feature.input_bytes must be a number, was "many"',
  ])
})

test('annotations of any number and length make warnings that fit', () => {
  const many = Object.fromEntries(
    Array.from({ length: 2000 }, (_, i) => [`foresize.dev/feature.f${i}`, 'x'.repeat(100_000)]),
  )
  const warnings = warningsFor(many)
  expect(warnings.at(-1)).toBe('foresize: and 1984 more')
  expect(warnings.join('').length).toBeLessThan(4096)
})
