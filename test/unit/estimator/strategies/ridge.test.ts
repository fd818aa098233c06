import { expect, test } from 'vitest'
import { encoder } from '../../../../services/estimator/domain/features/encoder.ts'
import { ridge } from '../../../../services/estimator/domain/strategies/ridge.ts'

const none = new Float64Array(0)
const noSurroundings = {
  primaryColumn: () => undefined,
  neighbours: () => ({ count: 0, needs: none, distances: none }),
}

function predictionAfter(
  history: readonly { features: Record<string, number>; labels?: Record<string, string>; need: number }[],
) {
  const columns = encoder()
  const learner = ridge.start(noSurroundings)
  for (const { features, labels = {}, need } of history)
    learner.observe(columns.encode(features, labels, true), need)
  return (features: Record<string, number>, labels: Record<string, string> = {}) =>
    learner.predict(columns.encode(features, labels, false))
}

/** Of two features, neither of which explains it alone. */
const need = (contigs: number, depth: number) => 1e6 * contigs ** 0.7 * depth ** 0.4
const drawn = (i: number) => ({ contigs: 1000 + ((i * 7919) % 9000), depth: 1 + ((i * 104_729) % 97) })

test('learns a need that depends on two features together', () => {
  const history = Array.from({ length: 60 }, (_, i) => {
    const features = drawn(i)
    return { features, need: need(features.contigs, features.depth) }
  })
  const predict = predictionAfter(history)
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
  const predict = predictionAfter(history)
  const at = (genome: string) => predict({ contigs: 5000 }, { genome }) as number

  expect(at('human') / at('yeast')).toBeGreaterThan(10)
  expect(at('mouse')).toBeGreaterThan(at('yeast'))
  expect(at('mouse')).toBeLessThan(at('human'))
})

test('abstains where a single column varies: that is left to the regression on it', () => {
  const history = Array.from({ length: 20 }, (_, i) => ({ features: { contigs: 1000 + i }, need: 1e9 + i }))
  expect(predictionAfter(history)({ contigs: 1010 })).toBeUndefined()
})
