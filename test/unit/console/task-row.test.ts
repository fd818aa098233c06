import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { ProfileSummarySchema } from '../../../console/contract/gen/foresize/v1/profile_pb.js'
import { savings } from '../../../console/domain/savings.ts'
import { taskRow } from '../../../console/domain/task-row.ts'

const day = 86_400_000

function summary(task: string, given: number, requested: number | undefined, days: number) {
  const held = (wasted: number) => ({ executions: 4, amount: 2 * wasted, used: wasted, wasted })
  return create(ProfileSummarySchema, {
    key: { namespace: 'default', task },
    firstSeenUnixMs: 1e12,
    lastSeenUnixMs: 1e12 + days * day,
    outcomes: [
      { outcome: 1, count: 36 },
      { outcome: 3, count: 3 },
      { outcome: 4, count: 1 },
    ],
    use: [
      {
        dimension: 2,
        allocated: held(given),
        ...(requested === undefined ? {} : { requested: held(requested) }),
      },
    ],
  })
}

describe('what a task wastes a day', () => {
  test('is what its retained executions wasted, for as many as there are in a day', () => {
    expect(taskRow(summary('a', 400, 1000, 2)).wastePerDay).toBe((400 / 4) * (40 / 2))
  })

  test('is not made more than it was where it was seen for less than a day', () => {
    expect(taskRow(summary('a', 400, 1000, 0.01)).wastePerDay).toBe((400 / 4) * 40)
  })

  test('is unknown where nothing was given', () => {
    expect(taskRow(create(ProfileSummarySchema, {})).wastePerDay).toBeUndefined()
  })

  test('those killed are of memory and of time', () => {
    expect(taskRow(summary('a', 1, 1, 1))).toMatchObject({ executions: 40, killed: 4 })
  })
})

test('the gain is over the requests of the tasks that have some', () => {
  const rows = [summary('a', 400, 1000, 1), summary('b', 700, undefined, 1)].map(taskRow)
  expect(savings(rows)).toMatchObject({
    wastePerDay: 11_000,
    compared: { wastePerDay: 4000, requestedWastePerDay: 10_000 },
  })
  expect(savings(rows.slice(1)).compared).toBeUndefined()
})
