import { expect, test } from 'vitest'
import { coldStart } from '../../../../services/estimator/domain/estimate/cold-start.ts'
import { summarise } from '../../../../shared/domain/cohort.ts'
import { cohortOf, execution } from '../../../support/histories.ts'

const namespaceKey = { namespace: 'default', kind: 'namespace', task: '' } as const

test('without history: the closest cohort, then the namespace by its requests, the request, the default', () => {
  const tool = cohortOf('tool=bwa', [2e9, 2.1e9, 2.2e9])
  const few = cohortOf('image=x', [9e9])
  const requested = { requested: { memoryBytes: 8e9 } }
  const half = (i: number) =>
    summarise(`t${i}`, 1, [
      execution(`n${i}`, { requested: { memoryBytes: 2e9 }, used: { memoryBytes: 1e9 } }),
    ])
  const namespace = { key: namespaceKey, members: [half(0), half(1), half(2)] }
  const from = (
    ...[groups, query]: [Parameters<typeof coldStart>[0], { requested: { memoryBytes?: number } }]
  ) => coldStart(groups, query, { memoryBytes: 4e9 }, 'memoryBytes')

  expect(from([few, tool, namespace], { requested: {} })?.basis).toMatchObject({ kind: 'cohort' })
  expect(from([few, tool], { requested: {} })?.basis).toMatchObject({ name: 'tool=bwa' })
  expect(from([few, namespace], requested)?.basis).toMatchObject({ kind: 'namespace' })
  expect(from([few], requested)).toMatchObject({ basis: { kind: 'request' }, amount: 8e9 })
  expect(from([namespace], { requested: {} })).toMatchObject({ basis: { kind: 'default' }, amount: 4e9 })
  expect(coldStart([], { requested: {} }, {}, 'gpuMemoryBytes')).toBeUndefined()
})

test('without a request many tasks of the namespace say what is needed, where to lack it is fatal', () => {
  const used = { memoryBytes: 1e9, cpuCores: 1 }
  const member = (i: number) => summarise(`t${i}`, 1, [execution(`n${i}`, { requested: {}, used })])
  const from = (count: number, dimension: 'memoryBytes' | 'cpuCores') => {
    const namespace = { key: namespaceKey, members: Array.from({ length: count }, (_, i) => member(i)) }
    return coldStart([namespace], { requested: {} }, { memoryBytes: 4e9, cpuCores: 2 }, dimension)
  }

  expect(from(7, 'memoryBytes')).toMatchObject({ basis: { kind: 'default' }, amount: 4e9 })
  expect(from(8, 'memoryBytes')).toMatchObject({
    basis: { kind: 'namespace', tasks: 8, name: 'default' },
    isUnrelated: true,
  })
  expect(from(8, 'cpuCores')).toMatchObject({ basis: { kind: 'default' }, amount: 2 })
})
