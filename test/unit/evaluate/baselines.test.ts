import { expect, test } from 'vitest'
import {
  maxPlus,
  meanPlusTwoSigma,
  p95,
  percentile,
  request,
  type SizingMethod,
  tovarPpm,
  vpaLike,
  wittLr,
} from '../../../cli/evaluate/baselines.ts'
import type { TraceRow } from '../../../cli/evaluate/trace.ts'

const coldStart = () => 4e9

function row(inputBytes?: number): TraceRow {
  const features = inputBytes === undefined ? {} : { input_bytes: inputBytes }
  return { task: 't', completed: true, features, labels: {} }
}

function taught(method: SizingMethod, needs: readonly number[]): SizingMethod {
  for (const need of needs) method.observe(row(), need)
  return method
}

test('a task without history gets the cold start, whatever the method', () => {
  for (const make of [request, p95, maxPlus, meanPlusTwoSigma, wittLr, tovarPpm, vpaLike]) {
    expect(make(coldStart).allocate(row())).toBe(4e9)
  }
})

test('percentiles lie between order statistics', () => {
  expect(percentile([1, 2, 3, 4, 5], 0.5)).toBe(3)
  expect(percentile([0, 10], 0.95)).toBeCloseTo(9.5, 12)
  expect(percentile([7], 0.95)).toBe(7)
})

test('each baseline does its arithmetic', () => {
  const needs = [1e9, 2e9, 3e9, 2e9]

  expect(taught(p95(coldStart), needs).allocate(row())).toBeCloseTo(2.85e9, 0)
  expect(taught(maxPlus(coldStart), needs).allocate(row())).toBeCloseTo(3.15e9, 0)
  expect(taught(meanPlusTwoSigma(coldStart), needs).allocate(row())).toBeCloseTo(
    2e9 + 2 * Math.sqrt(0.5e18),
    0,
  )
})

test('a straight line is found, with nothing on top where nothing is left over', () => {
  const method = wittLr(coldStart)
  for (const x of [1, 2, 3, 4]) method.observe(row(x * 1e6), 1e9 + x * 1e8)

  expect(method.allocate(row(10e6))).toBeCloseTo(2e9, -3)
})

test('first allocations are at the statistic that wastes least: at the low one where high ones are rare', () => {
  const rare = taught(tovarPpm(coldStart), [...new Array<number>(99).fill(1e9), 10e9])
  const usual = taught(tovarPpm(coldStart), [9e9, 10e9, 10e9, 10e9])

  expect(rare.allocate(row())).toBe(1e9)
  expect(rare.retry(row(), 1e9, 1)).toBe(10e9)
  expect(usual.allocate(row())).toBe(10e9)
})

test('the VPA-like takes the upper edge of a bucket and 15 % more, and learns from what it raised', () => {
  const method = taught(vpaLike(coldStart), new Array<number>(10).fill(1e9))
  const first = method.allocate(row())
  for (let i = 0; i < 10; i++) method.raise?.(row(), 2e9)

  expect(first).toBeGreaterThan(1.15e9)
  expect(first).toBeLessThan(1.15 * 1.05 * 1.05 * 1e9)
  expect(method.allocate(row())).toBeGreaterThan(2e9)
  expect(method.retry(row(), 1e8, 1)).toBe(2e8)
})
