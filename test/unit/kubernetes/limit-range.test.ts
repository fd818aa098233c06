import { describe, expect, test } from 'vitest'
import { boundsOf, type LimitRangeItem, within } from '../../../services/kubernetes/domain/limit-range.ts'
import type { ContainerResources, PodSpec } from '../../../services/kubernetes/domain/pod.ts'

const mebibyte = 2 ** 20

const spec = (...resources: readonly ContainerResources[]): PodSpec => ({
  containers: resources.map((each, i) => ({ name: `c${i}`, resources: each })),
})

const bounds = (items: readonly LimitRangeItem[], of = spec({}), limits: 'memory' | 'none' = 'memory') =>
  boundsOf(items, of, 0, limits)

describe('what LimitRanges leave to a container', () => {
  test('is anything where there is none', () => {
    expect(bounds([])).toEqual({ min: {}, max: {} })
  })

  test('is the narrowest of what they say of containers', () => {
    const items = [
      { type: 'Container', min: { memory: '8Mi' }, max: { memory: '2Gi', cpu: '4' } },
      { type: 'Container', min: { memory: '16Mi', cpu: '100m' }, max: { memory: '1Gi' } },
    ]
    expect(bounds(items)).toEqual({
      min: { memoryBytes: 16 * mebibyte, cpuCores: 0.1 },
      max: { memoryBytes: 1024 * mebibyte, cpuCores: 4 },
    })
  })

  test('is a ceiling that rounding up does not pass', () => {
    const { max } = bounds([{ type: 'Container', max: { memory: '1000M', cpu: '1500u' } }])
    expect(max).toEqual({ memoryBytes: 953 * mebibyte, cpuCores: 0.001 })
  })

  test('is a request that a limit which stays is not too many times of', () => {
    const items = [{ type: 'Container', maxLimitRequestRatio: { cpu: '2', memory: '4' } }]
    const limited = spec({ limits: { cpu: '3', memory: '1Gi' } })
    expect(bounds(items, limited)).toEqual({ min: { cpuCores: 1.5 }, max: {} })
    expect(bounds(items, limited, 'none').min).toEqual({ cpuCores: 1.5, memoryBytes: 256 * mebibyte })
    expect(bounds(items)).toEqual({ min: {}, max: {} })
  })

  test('is what the other containers leave of an amount for the Pod', () => {
    const items = [{ type: 'Pod', min: { memory: '64Mi' }, max: { memory: '1Gi' } }]
    const beside = spec({}, { requests: { memory: '16Mi' }, limits: { memory: '256Mi' } }, {})
    expect(bounds(items, beside)).toEqual({
      min: { memoryBytes: 48 * mebibyte },
      max: { memoryBytes: 768 * mebibyte },
    })
  })

  test('says nothing of volumes', () => {
    expect(bounds([{ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } }])).toEqual({ min: {}, max: {} })
  })
})

test('with what else bounds it, the narrower counts', () => {
  const ranges = { min: { memoryBytes: 10 }, max: { memoryBytes: 100, cpuCores: 4 } }
  expect(within(ranges, { memoryBytes: 20, cpuCores: 0.1 }, { memoryBytes: 200 })).toEqual({
    min: { memoryBytes: 20, cpuCores: 0.1 },
    max: { memoryBytes: 100, cpuCores: 4 },
  })
})
