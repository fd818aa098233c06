import { expect, test } from 'vitest'
import { taskWaste } from '../../../cli/kubernetes/task-waste.ts'
import type { Pod } from '../../../services/kubernetes/domain/pod.ts'
import { dimensionEnum, outcomeEnum, profileKindEnum } from '../../../shared/wire/enums.ts'
import { ProfileSummary } from '../../../shared/wire/gen/foresize/v1/profile.ts'

const day = 86_400_000

/** Four runs in two days, one of them killed; of two of them it is known what they wasted. */
const profileOf = (task: string, wasted: number): ProfileSummary => ({
  ...ProfileSummary.fromPartial({
    key: { namespace: 'tasks', kind: profileKindEnum.toWire('task'), task },
    lastSeenUnixMs: 2 * day,
    median: { memoryBytes: 100 },
    allocatedMedian: { memoryBytes: 300 },
  }),
  outcomes: [
    { outcome: outcomeEnum.toWire('succeeded'), count: 3 },
    { outcome: outcomeEnum.toWire('out-of-memory'), count: 1 },
  ],
  use: [
    {
      dimension: dimensionEnum.toWire('memoryBytes'),
      allocated: { executions: 2, amount: 0, used: 0, wasted },
    },
  ],
})

const podOf = (job: string, phase: string, createdAt: string, decision?: string): Pod => ({
  metadata: {
    namespace: 'tasks',
    creationTimestamp: createdAt,
    annotations: decision === undefined ? {} : { 'foresize.dev/decision': decision },
    ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: job, uid: 'u', controller: true }],
  },
  spec: { containers: [{ name: 'main' }] },
  status: { phase },
})

test('what a task wastes is a mean of the runs of which it is known, times its runs a day', () => {
  expect(taskWaste([profileOf('job/sort', 1000)], [])).toEqual([
    {
      namespace: 'tasks',
      task: 'job/sort',
      pods: 0,
      runs: 4,
      killed: 1,
      requestedBytes: undefined,
      givenBytes: 300,
      usedBytes: 100,
      wastePerDay: 500 * 2,
      decision: undefined,
    },
  ])
})

test('those that waste most are first, those of which nothing is known last', () => {
  const rows = taskWaste(
    [profileOf('job/little', 10), profileOf('job/much', 1000), profileOf('job/none', 0)],
    [podOf('new', 'Running', '2026-01-01T00:00:00Z')],
  )
  expect(rows.map(({ task }) => task)).toEqual(['job/much', 'job/little', 'job/none', 'job/new'])
})

test('Pods that are over are not counted, and the youngest says the decision', () => {
  const [row] = taskWaste(
    [profileOf('job/sort', 1000)],
    [
      podOf('sort', 'Running', '2026-01-02T00:00:00Z', 'learned'),
      podOf('sort', 'Succeeded', '2026-01-01T00:00:00Z', 'too-few-executions'),
      podOf('sort', 'Pending', '2026-01-01T12:00:00Z'),
    ],
  )
  expect(row).toMatchObject({ pods: 2, decision: 'learned' })
})

test('a Pod that is no task is left out', () => {
  const web: Pod = { metadata: { namespace: 'tasks' }, spec: { containers: [{ name: 'web' }] } }
  expect(taskWaste([], [web])).toEqual([])
})
