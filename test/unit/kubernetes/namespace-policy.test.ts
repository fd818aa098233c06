import { expect, test } from 'vitest'
import { namespacePolicyOf } from '../../../services/kubernetes/domain/namespace-policy.ts'

const labels = { 'foresize.dev/mode': 'apply' }

test('a label alone gives the mode; what a container asks for is fixed, memory given is the limit', () => {
  expect(namespacePolicyOf({ labels })).toEqual({
    policy: { mode: 'apply', resources: 'explicit', limits: 'memory', max: {} },
    violations: [],
  })
})

test('annotations say the rest', () => {
  const annotations = {
    'foresize.dev/resources': 'request',
    'foresize.dev/limits': 'none',
    'foresize.dev/max-memory': '64Gi',
    'foresize.dev/max-cpu': '8',
  }
  expect(namespacePolicyOf({ labels, annotations }).policy).toEqual({
    mode: 'apply',
    resources: 'request',
    limits: 'none',
    max: { memoryBytes: 64 * 2 ** 30, cpuCores: 8 },
  })
})

test.each([
  ['an unknown mode', { labels: { 'foresize.dev/mode': 'on' } }, 'foresize.dev/mode'],
  [
    'a ceiling that cannot be read',
    { labels, annotations: { 'foresize.dev/max-memory': 'lots' } },
    'foresize.dev/max-memory',
  ],
])('%s turns the namespace off, and is named', (_, metadata, field) => {
  const { policy, violations } = namespacePolicyOf(metadata)
  expect(policy.mode).toBe('off')
  expect(violations).toMatchObject([{ field }])
})
