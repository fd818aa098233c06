import { expect, test } from 'vitest'
import { addResidual } from '../../../../services/estimator/domain/distribution/residuals.ts'
import {
  effectiveSamples,
  measureLocalSamples,
  measureSamples,
} from '../../../../services/estimator/domain/ensemble/effective-sample.ts'
import { type Member, member } from '../../../../services/estimator/domain/ensemble/expert.ts'
import { addWeights, sampleWeights } from '../../../../services/estimator/domain/history/sample-weights.ts'
import { executionsAt, pointAt } from '../../../support/points.ts'

/** Three executions of slow weights 1, 2, 3 and fast weights 1, 4, 9; the second one's proximity is 0.1. */
const genomes = ['human', 'yeast', 'human']
const executions = executionsAt(genomes.map((genome) => pointAt([], { genome })))
const weights = () =>
  sampleWeights(executions, undefined, 'genome', pointAt([], { genome: 'human' }), {
    slow: Float64Array.of(1, 2, 3),
    fast: Float64Array.of(1, 4, 9),
    proximity: new Float64Array(3),
  })

/** A strategy that has predicted the executions of these numbers. */
function memberAfter(...numbers: readonly number[]): Member {
  const one = member('s', { observe() {}, predict: () => undefined })
  for (const i of numbers) {
    addResidual(one.residuals, -i, i)
    addWeights(one.weightSums, i + 1, (i + 1) ** 2)
  }
  return one
}

const measured = (one: Member, withLocal = true) => {
  const samples = effectiveSamples()
  measureSamples(one, samples)
  if (withLocal) measureLocalSamples(one, weights(), samples)
  return samples
}

const sample = (...weights: readonly number[]) => {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const squares = weights.reduce((sum, weight) => sum + weight ** 2, 0)
  return { total: expect.closeTo(total, 12), executions: expect.closeTo(total ** 2 / squares, 12) }
}

test('counts executions of equal weight as they are, and unequal ones as fewer', () => {
  const one = memberAfter()
  for (let i = 0; i < 4; i++) addWeights(one.weightSums, 2, i === 0 ? 1 : 0)
  const { slow, fast } = measured(one, false)
  expect(slow).toEqual({ total: 8, executions: 4 })
  expect(fast).toEqual({ total: 1, executions: 1 })
})

test('is measured over the executions that the strategy has predicted, whichever they are', () => {
  expect(measured(memberAfter(0, 1, 2))).toEqual({
    slow: sample(1, 2, 3),
    fast: sample(1, 4, 9),
    slowLocal: sample(1, 0.2, 3),
    fastLocal: sample(1, 0.4, 9),
  })
  expect(measured(memberAfter(1, 2))).toEqual({
    slow: sample(2, 3),
    fast: sample(4, 9),
    slowLocal: sample(0.2, 3),
    fastLocal: sample(0.4, 9),
  })
  expect(measured(memberAfter(0, 2))).toEqual({
    slow: sample(1, 3),
    fast: sample(1, 9),
    slowLocal: sample(1, 3),
    fastLocal: sample(1, 9),
  })
})

test('is empty before the first prediction, and of local experts unless they are wanted', () => {
  const empty = { total: 0, executions: 0 }
  expect(effectiveSamples()).toEqual({ slow: empty, fast: empty, slowLocal: empty, fastLocal: empty })
  expect(measured(memberAfter()).slow).toEqual(empty)
  expect(measured(memberAfter(0, 1, 2), false).slowLocal).toEqual(empty)
})
