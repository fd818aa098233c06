import { expect, test } from 'vitest'
import { bounded } from '../../../../services/estimator/domain/allocation/bounds.ts'

const limits = { min: { memoryBytes: 1e6 }, max: { memoryBytes: 1e12 } }

test('bounds are applied in order, and each that changed something is recorded', () => {
  const policy = { min: { memoryBytes: 2e9 }, max: { memoryBytes: 3e9 } }

  expect(bounded(2.5e9, 'memoryBytes', policy, limits)).toEqual({ amount: 2.5e9, clamps: [] })
  expect(bounded(1e9, 'memoryBytes', policy, limits)).toEqual({
    amount: 2e9,
    clamps: [{ kind: 'policy-min', before: 1e9, after: 2e9 }],
  })
  expect(bounded(9e12, 'memoryBytes', { min: {}, max: { memoryBytes: 5e12 } }, limits)).toEqual({
    amount: 1e12,
    clamps: [
      { kind: 'policy-max', before: 9e12, after: 5e12 },
      { kind: 'limit', before: 5e12, after: 1e12 },
    ],
  })
})

test('an explicit maximum holds below the least that is answered otherwise', () => {
  expect(bounded(2e9, 'memoryBytes', { min: {}, max: { memoryBytes: 4e5 } }, limits)).toEqual({
    amount: 4e5,
    clamps: [{ kind: 'policy-max', before: 2e9, after: 4e5 }],
  })
  expect(bounded(1e5, 'memoryBytes', { min: {}, max: { memoryBytes: 4e5 } }, limits).amount).toBe(4e5)
  expect(bounded(1e5, 'memoryBytes', { min: {}, max: { memoryBytes: 4e9 } }, limits).amount).toBe(1e6)
})

test('a lower limit raises what is below it, without a maximum of the policy too', () => {
  const policy = { min: {}, max: {} }
  expect(bounded(1e5, 'memoryBytes', policy, limits)).toEqual({
    amount: 1e6,
    clamps: [{ kind: 'limit', before: 1e5, after: 1e6 }],
  })
  expect(bounded(5, 'diskBytes', policy, limits)).toEqual({ amount: 5, clamps: [] })
})

test('where a policy’s minimum is above its maximum the maximum holds', () => {
  const policy = { min: { memoryBytes: 3e9 }, max: { memoryBytes: 2e9 } }
  expect(bounded(1e9, 'memoryBytes', policy, limits)).toEqual({
    amount: 2e9,
    clamps: [
      { kind: 'policy-min', before: 1e9, after: 3e9 },
      { kind: 'policy-max', before: 3e9, after: 2e9 },
    ],
  })
})
