import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { figure, plotWidths } from '../../../cli/report/figure.ts'
import { barsPlot } from '../../../console/plots/bars-plot.ts'
import { calibrationPlot } from '../../../console/plots/calibration-plot.ts'
import { historyPlot } from '../../../console/plots/history-plot.ts'
import { dimensionKinds } from '../../../console/plots/quantity-scale.ts'
import { stepsPlot } from '../../../console/plots/steps-plot.ts'
import { faultsOf, picturesOf } from '../../support/report-pages.ts'

const memory = dimensionKinds.memoryBytes
const anyBytes = fc.double({ min: 1, max: 15, noNaN: true }).map((decades) => 10 ** decades)
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

const anyBars = fc.uniqueArray(
  fc.record({
    label: fc.stringMatching(/^[a-z][a-z:-]{0,28}[a-z]$/),
    value: fc.double({ min: 0, max: 1e6, noNaN: true }),
    shown: fc.constantFrom('0 GB·h, 0 failed', '92,100 GB·h, 1234 failed'),
    isOurs: fc.boolean(),
  }),
  { minLength: 1, maxLength: 20, selector: ({ label }) => label },
)
const anyHistory = fc.array(
  fc.record({
    requested: optional(anyBytes),
    given: optional(anyBytes),
    used: optional(anyBytes),
    isKilled: fc.boolean(),
  }),
  { maxLength: 30 },
)
const anyTimeMs = fc.double({ min: 0, max: 1e11, noNaN: true })
const anyLine = fc.array(fc.record({ x: anyTimeMs, y: anyBytes }), { maxLength: 20 })
const anyShare = fc.double({ min: 0, max: 1, noNaN: true })

const drawn = {
  bars: anyBars.map((bars) => (width: number) => barsPlot(bars, 'Wasted', width)),
  calibration: fc
    .array(fc.record({ given: anyShare, found: anyShare }), { maxLength: 20 })
    .map((points) => (width: number) => {
      const weighed = points.map((point, i) => ({ ...point, weight: i + 1 }))
      return calibrationPlot(weighed, { width, height: 340 })
    }),
  history: anyHistory.map((history) => (width: number) => {
    const points = history.map((point, at) => ({ ...point, at, title: '' }))
    return historyPlot({ size: { width, height: 300 }, quantity: memory, at: 'order', points })
  }),
  steps: fc.tuple(anyLine, anyLine).map(([ours, other]) => (width: number) => {
    const lines = [
      { label: 'foresize', look: 'ours', points: ours },
      { label: 'requests', look: 'other', points: other },
    ] as const
    const size = { width, height: 280 }
    return stepsPlot({ size, x: dimensionKinds.durationMs, y: memory, lines })
  }),
}

describe.each(Object.entries(drawn))('a picture of %s', (_, anyPlot) => {
  test('is drawn at each width, with letters of one size, none of them cut and none on another', () => {
    fc.assert(
      fc.property(anyPlot, (draw) => {
        const pictures = picturesOf(figure('title', draw))
        expect(pictures.map(({ width }) => width)).toEqual(Object.values(plotWidths))
        for (const picture of pictures) {
          expect(faultsOf(picture)).toEqual([])
          expect(picture.fontSize).toBe('12px')
        }
      }),
      { numRuns: 20 },
    )
  })
})

test('an axis says its unit and whether it is logarithmic, and every tick has its label', () => {
  const points = [2.9e8, 9e9].map((used, at) => ({ at, used, isKilled: false, title: '' }))
  const [wide] = picturesOf(
    figure('', (width) =>
      historyPlot({ size: { width, height: 300 }, quantity: memory, at: 'order', points }),
    ),
  )
  const texts = wide?.texts.map(({ text }) => text) ?? []
  expect(texts).toContain('memory (logarithmic)')
  expect(texts).toEqual(expect.arrayContaining(['256 MiB', '1 GiB', '4 GiB']))
  expect(texts).not.toContain('')
})

test('what was not asked for is not drawn, nor in the legend', () => {
  const legendOf = (requested: number | undefined) => {
    const point = { at: 0, given: 2e9, used: 1e9, requested, isKilled: false, title: '' }
    const html = figure('', (width) =>
      historyPlot({ size: { width, height: 300 }, quantity: memory, at: 'order', points: [point] }),
    )
    return picturesOf(html)[0]?.texts.map(({ text }) => text)
  }
  expect(legendOf(4e9)).toContain('requested')
  expect(legendOf(undefined)).not.toContain('requested')
})
