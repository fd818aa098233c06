import { expect, test } from 'vitest'
import { encoder } from '../../../services/estimator/domain/encoding.ts'
import { leastSquares } from '../../../services/estimator/domain/strategies/least-squares.ts'
import { ridge } from '../../../services/estimator/domain/strategies/ridge.ts'

const nobody = { primary: () => -1, neighbours: () => ({ count: 0, needs: none, distances: none }) }
const none = new Float64Array(0)

function taught(
  history: readonly { features: Record<string, number>; labels?: Record<string, string>; need: number }[],
) {
  const columns = encoder()
  const learner = ridge.start(nobody)
  for (const { features, labels = {}, need } of history)
    learner.observe(columns.encode(features, labels, true), need)
  return (features: Record<string, number>, labels: Record<string, string> = {}) =>
    learner.predict(columns.encode(features, labels, false))
}

/** Of two features, neither of which tells it alone. */
const need = (contigs: number, depth: number) => 1e6 * contigs ** 0.7 * depth ** 0.4
const drawn = (i: number) => ({ contigs: 1000 + ((i * 7919) % 9000), depth: 1 + ((i * 104_729) % 97) })

test('finds what two features say together', () => {
  const history = Array.from({ length: 60 }, (_, i) => {
    const features = drawn(i)
    return { features, need: need(features.contigs, features.depth) }
  })
  const predict = taught(history)
  for (const i of [61, 67, 71]) {
    const features = drawn(i)
    const truth = need(features.contigs, features.depth)
    expect(Math.abs(Math.log((predict(features) as number) / truth))).toBeLessThan(0.2)
  }
})

test('takes a label by what its value has shown before, and one never seen for the mean', () => {
  const history = Array.from({ length: 60 }, (_, i) => {
    const genome = i % 3 === 0 ? 'human' : 'yeast'
    const { contigs } = drawn(i)
    return {
      features: { contigs },
      labels: { genome },
      need: (genome === 'human' ? 30 : 1) * need(contigs, 1),
    }
  })
  const predict = taught(history)
  const at = (genome: string) => predict({ contigs: 5000 }, { genome }) as number

  expect(at('human') / at('yeast')).toBeGreaterThan(10)
  expect(at('mouse')).toBeGreaterThan(at('yeast'))
  expect(at('mouse')).toBeLessThan(at('human'))
})

test('leaves what one column tells to the regression on that column', () => {
  const history = Array.from({ length: 20 }, (_, i) => ({ features: { contigs: 1000 + i }, need: 1e9 + i }))
  expect(taught(history)({ contigs: 1010 })).toBeUndefined()
})

test('columns that say the same share it, and one that is absent counts as average', () => {
  const fit = leastSquares(3, 0.01)
  for (let i = 0; i < 40; i++) fit.observe(Float64Array.of(i, i, Number.NaN), 3 * i)

  expect(fit.predict(Float64Array.of(10, 10, Number.NaN))).toBeCloseTo(30, 1)
  expect(fit.predict(Float64Array.of(Number.NaN, Number.NaN, 5))).toBeCloseTo(fit.mean() as number, 9)
})
