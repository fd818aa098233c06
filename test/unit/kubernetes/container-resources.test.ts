import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  amountsOf,
  askedOf,
  filledIn,
  givenTo,
  qosClassOf,
  resourcesWith,
} from '../../../services/kubernetes/domain/container-resources.ts'
import type { ContainerResources, PodSpec } from '../../../services/kubernetes/domain/pod.ts'
import { podOf } from './pods.ts'

const gi = 2 ** 30
const specOf = (...all: readonly (ContainerResources | undefined)[]): PodSpec => ({
  containers: all.map((resources, i) => ({ name: `c${i}`, resources })),
})

test('a container asks for its request, which is its limit where it has none', () => {
  const resources = { requests: { cpu: '500m' }, limits: { cpu: '2', memory: '1Gi', 'nvidia.com/gpu': '1' } }
  expect(askedOf({ resources })).toEqual({ cpu: '500m', memory: '1Gi' })
  expect(amountsOf({ cpu: '500m', memory: '1Gi' })).toEqual({ cpuCores: 0.5, memoryBytes: gi })
})

test('an attempt was given the memory of its limit, since that is what kills', () => {
  const resources = { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi' } }
  expect(givenTo({ name: 'a', resources })).toEqual({ cpuCores: 1, memoryBytes: 2 * gi })
})

test('what a LimitRange has filled in was asked for by nobody', () => {
  const text =
    'LimitRanger plugin set: cpu, memory request for container main; memory limit for container main; cpu request for container side'
  const pod = podOf(undefined, { annotations: { 'kubernetes.io/limit-ranger': text } })
  expect(filledIn(pod, 'main')).toEqual(['cpu', 'memory'])
  expect(filledIn(pod, 'side')).toEqual(['cpu'])
  expect(filledIn(podOf(undefined), 'main')).toEqual([])
})

describe('the QoS class', () => {
  test.each([
    ['BestEffort', specOf(undefined, {})],
    ['BestEffort', specOf({ requests: { 'nvidia.com/gpu': '1' } })],
    ['Burstable', specOf({ requests: { memory: '1Gi' } })],
    ['Burstable', specOf({ limits: { memory: '1Gi', cpu: '1' } }, undefined)],
    ['Guaranteed', specOf({ limits: { memory: '1Gi', cpu: '1' } })],
    ['Guaranteed', specOf({ requests: { memory: '1024Mi' }, limits: { memory: '1Gi', cpu: '1000m' } })],
  ])('is %s as the kubelet has it', (qos, spec) => {
    expect(qosClassOf(spec)).toBe(qos)
  })
})

describe('what is written', () => {
  const given = { memoryBytes: 0.5 * gi, cpuCores: 0.25 }

  test('to a container that asked for nothing: requests, and the memory as its limit', () => {
    expect(resourcesWith(specOf(undefined), 0, given, 'memory')).toEqual({
      requests: { memory: '512Mi', cpu: '250m' },
      limits: { memory: '512Mi' },
    })
  })

  test('without a limit where the namespace wants none', () => {
    expect(resourcesWith(specOf(undefined), 0, given, 'none')).toEqual({
      requests: { memory: '512Mi', cpu: '250m' },
    })
  })

  test('leaves devices, storage and claims as they are', () => {
    const resources = {
      requests: { 'ephemeral-storage': '1Gi' },
      limits: { 'nvidia.com/gpu': '1' },
      claims: [{ name: 'gpu' }],
    }
    expect(resourcesWith(specOf(resources), 0, given, 'memory')).toEqual({
      requests: { 'ephemeral-storage': '1Gi', memory: '512Mi', cpu: '250m' },
      limits: { 'nvidia.com/gpu': '1', memory: '512Mi' },
      claims: [{ name: 'gpu' }],
    })
  })

  test('to a Guaranteed Pod keeps it Guaranteed', () => {
    const spec = specOf({ limits: { memory: '4Gi', cpu: '2' } })
    expect(resourcesWith(spec, 0, given, 'none')).toEqual({
      requests: { memory: '512Mi', cpu: '250m' },
      limits: { memory: '512Mi', cpu: '250m' },
    })
  })

  test('never makes a Burstable Pod Guaranteed: the memory is given without a limit', () => {
    const spec = specOf({ requests: { cpu: '1' }, limits: { cpu: '1' } })
    expect(resourcesWith(spec, 0, { memoryBytes: gi }, 'memory')).toEqual({
      requests: { cpu: '1', memory: '1024Mi' },
      limits: { cpu: '1' },
    })
  })

  const quantity = fc.option(fc.constantFrom('100m', '1', '512Mi', '1Gi', '3Gi'), { nil: undefined })
  const texts = fc
    .record({ cpu: quantity, memory: quantity })
    .map((record) => Object.fromEntries(Object.entries(record).filter(([, text]) => text !== undefined)))
  const resources = fc.record({ requests: texts, limits: texts })

  test('keeps the QoS class of any Pod but a BestEffort one, and no request is above its limit that was not before', () => {
    fc.assert(
      fc.property(
        fc.array(resources, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('memory' as const, 'none' as const),
        fc.record({
          memoryBytes: fc.option(fc.integer({ min: 1e6, max: 1e12 }), { nil: undefined }),
          cpuCores: fc.option(fc.double({ min: 0.01, max: 64, noNaN: true }), { nil: undefined }),
        }),
        (all, limits, amounts) => {
          const spec = specOf(...(all as readonly ContainerResources[]))
          const after = resourcesWith(spec, 0, amounts, limits)
          if (after === undefined) return
          const sized = { containers: [{ name: 'c0', resources: after }, ...spec.containers.slice(1)] }
          const before = qosClassOf(spec)
          expect([before, ...(before === 'BestEffort' ? ['Burstable'] : [])]).toContain(qosClassOf(sized))
          for (const name of ['cpu', 'memory'] as const) {
            const dimension = name === 'cpu' ? 'cpuCores' : 'memoryBytes'
            if (amounts[dimension] === undefined || after.limits?.[name] === undefined) continue
            const limit = amountsOf({ [name]: after.limits[name] })[dimension] ?? 0
            expect(limit).toBeGreaterThanOrEqual(
              amountsOf({ [name]: after.requests?.[name] })[dimension] ?? 0,
            )
          }
        },
      ),
    )
  })
})
