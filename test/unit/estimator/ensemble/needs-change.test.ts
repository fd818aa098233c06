import { expect, test } from 'vitest'
import { needsChange } from '../../../../services/estimator/domain/ensemble/needs-change.ts'
import { normal } from '../../../support/generated-work.ts'
import { execution, profileOf } from '../../../support/histories.ts'
import { learned } from '../../../support/queries.ts'
import { randomOf } from '../../../support/random.ts'

/** Whether it is said after so many executions, `needOf` each of which has the inputs given. */
function isSaid(inputs: readonly number[], needOf: (input: number, i: number) => number): boolean {
  const history = inputs.map((input, i) =>
    execution(`e-${i}`, { features: { input_bytes: input }, used: { memoryBytes: needOf(input, i) } }),
  )
  const model = learned(profileOf(history)).model?.dimensions.get('memoryBytes')
  if (model === undefined) throw new Error('memory was learned')
  return needsChange(model)
}

const noise = (seed: number) => {
  const random = randomOf(seed)
  return () => Math.exp(0.03 * normal(random))
}

const inputsOf = (seed: number, count: number) => {
  const random = randomOf(seed)
  return Array.from({ length: count }, () => 10 ** (6 + 2 * random()))
}

const orders = {
  shuffled: (inputs: readonly number[]) => inputs,
  ascending: (inputs: readonly number[]) => inputs.toSorted((a, b) => a - b),
  descending: (inputs: readonly number[]) => inputs.toSorted((a, b) => b - a),
  periodic: (inputs: readonly number[]) => {
    const ascending = inputs.toSorted((a, b) => a - b)
    return inputs.map((_, i) => ascending[((i * 4) % inputs.length) + Math.floor(i / 15)] as number)
  },
}

const laws = {
  affine: (input: number) => 1e8 + 3 * input,
  'square root': (input: number) => 5e4 * Math.sqrt(input),
  constant: () => 5e8,
}

test.each(Object.entries(orders))(
  'one law is no change, whatever the order of the inputs: %s',
  (_, order) => {
    for (const law of Object.values(laws))
      for (const seed of [1, 2, 3]) {
        const disturb = noise(seed)
        expect(isSaid(order(inputsOf(seed, 60)), (input) => law(input) * disturb())).toBe(false)
      }
  },
)

test('another level and a drift are a change, with and without inputs that tell', () => {
  for (const law of Object.values(laws))
    for (const seed of [1, 2, 3]) {
      const disturb = noise(seed)
      const inputs = inputsOf(seed, 60)
      expect(isSaid(inputs, (input, i) => (i < 40 ? 1 : 2) * law(input) * disturb())).toBe(true)
      expect(isSaid(inputs, (input, i) => 4 ** (i / 60) * law(input) * disturb())).toBe(true)
    }
})

test('a few executions tell of no change', () => {
  expect(isSaid(inputsOf(1, 10), (_, i) => (i < 5 ? 1e8 : 1e9))).toBe(false)
})
