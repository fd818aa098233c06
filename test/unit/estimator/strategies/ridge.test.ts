import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encoder } from '../../../../services/estimator/domain/features/encoder.ts'
import { leastSquares } from '../../../../services/estimator/domain/strategies/least-squares.ts'
import { ridge } from '../../../../services/estimator/domain/strategies/ridge.ts'
import { surroundingsWith } from '../../../support/learners.ts'
import { predicted } from '../../../support/least-squares.ts'

function predictionAfter(
  history: readonly { features: Record<string, number>; labels?: Record<string, string>; need: number }[],
) {
  const columns = encoder()
  const learner = ridge.start(surroundingsWith())
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

interface Shown {
  readonly features: Readonly<Record<string, number>>
  readonly labels: Readonly<Record<string, string>>
  readonly need: number
}

/** As the docstring says it: a column each in order of first appearance, labels from the second execution on. */
function byDefinition(history: readonly Shown[], query: Omit<Shown, 'need'>): number | undefined {
  const fit = leastSquares(12, 4)
  const columns: string[] = []
  const seen: Shown[] = []
  const encode = ({ features, labels }: Omit<Shown, 'need'>) => {
    const xs = new Array<number | undefined>(12).fill(undefined)
    for (const [c, column] of columns.entries()) {
      const [kind, name] = column.split(' ') as ['feature' | 'label', string]
      const feature = features[name]
      if (kind === 'feature') xs[c] = feature === undefined ? undefined : Math.log1p(feature)
      else if (labels[name] !== undefined && seen.length > 0) {
        const mean = seen.reduce((sum, { need }) => sum + Math.log(need), 0) / seen.length
        const alike = seen.slice(columnSince.get(column)).filter((one) => one.labels[name] === labels[name])
        xs[c] = alike.reduce((sum, { need }) => sum + Math.log(need), mean) / (alike.length + 1)
      }
    }
    return xs
  }
  const columnSince = new Map<string, number>()
  for (const shown of history) {
    const names = Object.keys(shown.features).map((name) => `feature ${name}`)
    if (seen.length > 0) names.push(...Object.keys(shown.labels).map((name) => `label ${name}`))
    for (const name of names)
      if (!columns.includes(name) && columns.length < 12) {
        columns.push(name)
        columnSince.set(name, seen.length)
      }
    fit.observe(encode(shown), Math.log(shown.need))
    seen.push(shown)
  }
  if (fit.varying() < 2) return undefined
  const logs = history.map(({ need }) => Math.log(need))
  return Math.exp(
    Math.min(Math.max(predicted(fit, encode(query)), Math.min(...logs) - 0.7), Math.max(...logs) + 0.7),
  )
}

test('predicts, for any features and labels that come and go, what its definition says', () => {
  const names = Array.from({ length: 8 }, (_, i) => `f${i}`)
  const anyInput = fc.record({
    features: fc.dictionary(fc.constantFrom(...names), fc.double({ min: 0, max: 1e6, noNaN: true }), {
      noNullPrototype: true,
    }),
    labels: fc.dictionary(
      fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      fc.constantFrom('x', 'y', 'z'),
      { noNullPrototype: true },
    ),
    need: fc.double({ min: 1, max: 1e6, noNaN: true }),
  })
  const inOrder = <T>(record: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
  fc.assert(
    fc.property(fc.array(anyInput, { minLength: 3, maxLength: 15 }), anyInput, (inputs, queried) => {
      const [query, ...history] = [queried, ...inputs].map(({ features, labels, need }) => ({
        features: inOrder(features),
        labels: inOrder(labels),
        need,
      })) as [Shown, ...Shown[]]
      const expected = byDefinition(history, query)
      const predicted = predictionAfter(history)(query.features, query.labels)
      if (expected === undefined) expect(predicted).toBeUndefined()
      else expect((predicted ?? 0) / expected).toBeCloseTo(1, 6)
    }),
  )
})
