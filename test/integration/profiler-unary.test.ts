import { type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { WatchProfilesResponse } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import {
  countOf,
  eventually,
  type TestProfiler,
  testProfiler,
  unary,
  wireEnd,
  wireRecord,
  wireStart,
} from '../support/profiler-service.ts'

let service: TestProfiler
beforeEach(async () => {
  service = await testProfiler({ store: 'memory', heartbeatMs: 200 })
})
afterEach(() => service.stop())

const start = (executionId: string, given = {}) =>
  unary(service.client, 'startProfiling', { start: wireStart(executionId, given) })
const end = (executionId: string, given: { start?: ReturnType<typeof wireStart> } = {}) =>
  unary(service.client, 'endProfiling', {
    end: wireEnd(executionId),
    start: undefined,
    ...given,
  })
const update = (executions: ReturnType<typeof wireRecord>[]) =>
  unary(service.client, 'updateProfile', { executions })
const get = (task: string) => unary(service.client, 'getProfile', { key: { namespace: '', kind: 0, task } })
const listing = { namespace: '', kind: 0 as const, taskPrefix: '', pageSize: 0, pageToken: '' }
const refusal = (code: status) => expect.objectContaining({ code })

test('an execution is started and ended by two calls, each of which may be repeated', async () => {
  expect(await start('a', { leaseMs: 5000 })).toMatchObject({ leaseMs: 5000, durability: 1 })
  expect((await start('a')).leaseMs).toBeGreaterThan(0)
  expect(await end('a')).toMatchObject({ folded: true })
  expect(await end('a')).toMatchObject({ folded: false })
  await start('a')
  expect(await end('a')).toMatchObject({ folded: false })
  expect(await countOf(service.client)).toBe(1)
})

test('an end that carries its start is complete in itself', async () => {
  expect(await end('a', { start: wireStart('a') })).toMatchObject({ folded: true })
  expect(await end('a', { start: wireStart('a') })).toMatchObject({ folded: false })
  await expect(end('b')).rejects.toThrow(refusal(status.NOT_FOUND))
  await expect(end('b', { start: wireStart('c') })).rejects.toThrow(refusal(status.INVALID_ARGUMENT))
})

test('an id that is open for one task is refused for another, and stays what it was', async () => {
  const other = { task: { namespace: '', task: 'other' } }
  await start('a')
  await expect(start('a', other)).rejects.toThrow(/INVALID_ARGUMENT: start\.task: is not the one/)
  await expect(end('a', { start: wireStart('a', other) })).rejects.toThrow(/start\.task: is not the one/)
  expect(await end('a', { start: wireStart('a') })).toMatchObject({ folded: true })
  await expect(get('other')).rejects.toThrow(refusal(status.NOT_FOUND))
})

test('the same id under two tasks is two executions', async () => {
  const records = [wireRecord('a'), wireRecord('a', { task: { task: 'other' } })]
  expect(await update(records)).toMatchObject({ folded: 2, repeatedExecutions: 0 })
  expect(await update(records)).toMatchObject({ folded: 0, repeatedExecutions: 2 })
})

test('an execution that ends as it begins takes no namespace beyond those that may be', async () => {
  const narrow = await testProfiler({ store: 'memory', maxNamespaces: 1 })
  const whole = (executionId: string, namespace: string) =>
    unary(narrow.client, 'endProfiling', {
      end: wireEnd(executionId),
      start: wireStart(executionId, { task: { namespace, task: 'task' } }),
    })
  try {
    expect(await whole('a', 'one')).toMatchObject({ folded: true })
    await expect(whole('b', 'two')).rejects.toThrow(refusal(status.RESOURCE_EXHAUSTED))
    expect(await whole('c', 'one')).toMatchObject({ folded: true })
  } finally {
    await narrow.stop()
  }
})

test('bad input names its field', async () => {
  await expect(start('')).rejects.toThrow(/start\.execution_id: is required/)
  await expect(start('a', { task: { task: '' } })).rejects.toThrow(/start\.task\.task/)
  const nothing = { start: undefined }
  await expect(unary(service.client, 'startProfiling', nothing)).rejects.toThrow(/start: is required/)
  const noEnd = { end: undefined, start: undefined }
  await expect(unary(service.client, 'endProfiling', noEnd)).rejects.toThrow(/end: is required/)
  await expect(get('')).rejects.toThrow(/key\.task: is required/)
})

test('records are folded in one call: the bad ones are refused by place, the repeated ones ignored', async () => {
  const first = await update([
    wireRecord('a'),
    wireRecord('b', { used: { memoryBytes: Number.NaN } }),
    wireRecord('c'),
    wireRecord('a'),
  ])
  expect(first).toMatchObject({ folded: 2, repeatedExecutions: 1 })
  expect(first.rejections).toMatchObject([
    { index: 1, violations: [{ field: 'executions[1].used.memory_bytes' }] },
  ])
  expect(await update([wireRecord('a'), wireRecord('d')])).toMatchObject({ folded: 1, repeatedExecutions: 1 })
  expect(await countOf(service.client)).toBe(3)
  await expect(update([wireRecord('')])).rejects.toThrow(refusal(status.INVALID_ARGUMENT))
  await expect(update([])).rejects.toThrow(/executions: must be 1 to 1000/)
  const tooMany = Array.from({ length: 1001 }, (_, i) => wireRecord(`x${i}`))
  await expect(update(tooMany)).rejects.toThrow(/are 1001/)
})

test('an imported history is folded in the order in which it ended', async () => {
  await update([wireRecord('late', { endedAtUnixMs: 3000 }), wireRecord('early', { endedAtUnixMs: 1000 })])
  expect((await get('task')).profile?.executions.map(({ executionId }) => executionId)).toEqual([
    'early',
    'late',
  ])
})

test('an execution is folded into its task, and the cohorts of the task hear of it in summary', async () => {
  await update([
    wireRecord('a', { labels: { image: 'i', tool: 't', other: 'o' } }),
    wireRecord('b', { task: { task: 'second' } }),
  ])
  const list = async (kind: 1 | 2 | 3) => {
    const request = { namespace: '', kind, taskPrefix: '', pageSize: 0, pageToken: '' }
    const { profiles } = await unary(service.client, 'listProfiles', request)
    return profiles.map(({ key }) => key?.task)
  }
  expect(await list(1)).toEqual(['second', 'task'])
  await eventually(async () => (await list(3)).length === 1)
  expect(await list(2)).toEqual(['image=i', 'name=second', 'name=task', 'stem=second', 'stem=task', 'tool=t'])
  const key = { namespace: '', kind: 3 as const, task: '' }
  const { profile } = await unary(service.client, 'getProfile', { key })
  expect(profile?.members.map(({ task }) => task).sort()).toEqual(['second', 'task'])
  expect(profile?.outcomes).toEqual([])
})

test('profiles are listed page by page with a line of figures each', async () => {
  await update(
    Array.from({ length: 7 }, (_, i) =>
      wireRecord(`e${i}`, { task: { task: `t${i}` }, used: { memoryBytes: 1e6 } }),
    ),
  )
  const pages: string[][] = []
  let pageToken = ''
  do {
    const request = { namespace: '', kind: 0 as const, taskPrefix: 't', pageSize: 3, pageToken }
    const page = await unary(service.client, 'listProfiles', request)
    pages.push(page.profiles.map(({ key }) => key?.task ?? ''))
    expect(page.profiles[0]).toMatchObject({
      revision: 1,
      retained: 1,
      running: 0,
      max: { memoryBytes: 1e6 },
    })
    expect(Math.abs((page.profiles[0]?.median?.memoryBytes ?? 0) / 1e6 - 1)).toBeLessThan(0.011)
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  expect(pages).toEqual([['t0', 't1', 't2'], ['t3', 't4', 't5'], ['t6']])
})

test('the line of a profile says what its executions asked for, were given and used, and what was wasted', async () => {
  const run = { allocated: { memoryBytes: 100 }, requested: { memoryBytes: 400 } }
  await update([
    wireRecord('a', { ...run, used: { memoryBytes: 60, durationMs: 10 } }),
    wireRecord('b', { ...run, used: { memoryBytes: 100, durationMs: 1 }, outcome: 3 }),
  ])
  const [line] = (await unary(service.client, 'listProfiles', listing)).profiles
  expect(line).toMatchObject({
    requestedMedian: { memoryBytes: 400 },
    allocatedMedian: { memoryBytes: 100 },
    use: [
      {
        dimension: 2,
        allocated: { executions: 2, amount: 1100, used: 700, wasted: 500 },
        requested: { executions: 2, amount: 4400, used: 700, wasted: 3700 },
      },
    ],
    confidence: undefined,
    coverage: undefined,
  })
})

test('namespaces are listed page by page, each with the number of its tasks', async () => {
  await update(
    ['b', 'é', 'a', 'b', 'Z'].map((namespace, i) =>
      wireRecord(`e${i}`, { task: { namespace, task: `t${i}` } }),
    ),
  )
  const first = await unary(service.client, 'listNamespaces', { pageSize: 3, pageToken: '' })
  expect(first.namespaces).toEqual([
    { namespace: 'Z', tasks: 1 },
    { namespace: 'a', tasks: 1 },
    { namespace: 'b', tasks: 2 },
  ])
  const { nextPageToken: pageToken } = first
  const second = await unary(service.client, 'listNamespaces', { pageSize: 3, pageToken })
  expect(second).toEqual({ namespaces: [{ namespace: 'é', tasks: 1 }], nextPageToken: '' })
  await expect(unary(service.client, 'listNamespaces', { pageSize: 1001, pageToken: '' })).rejects.toThrow(
    /INVALID_ARGUMENT: page_size/,
  )
})

test('a profile is deleted once', async () => {
  await update([wireRecord('a')])
  const remove = () =>
    unary(service.client, 'deleteProfile', {
      key: { namespace: '', kind: 0, task: 'task' },
    })
  await remove()
  await expect(get('task')).rejects.toThrow(refusal(status.NOT_FOUND))
  await expect(remove()).rejects.toThrow(refusal(status.NOT_FOUND))
})

function watch(namespaces: string[], cursor = '') {
  const call = service.client.watchProfiles({ namespaces, cursor })
  const seen: string[] = []
  let lastCursor = ''
  let wake = () => {}
  call.on('error', (error: ServiceError) => seen.push(`error ${error.code}`))
  call.on('data', ({ change, cursor: at }: WatchProfilesResponse) => {
    if (at !== '') lastCursor = at
    if (change?.$case === 'profile' && change.value.key?.kind !== 1) return
    if (change?.$case === 'profile')
      seen.push(`${change.value.key?.namespace}/${change.value.key?.task}@${change.value.revision}`)
    else if (change?.$case === 'deleted') seen.push(`-${change.value.task}`)
    else seen.push(change?.$case ?? 'nothing')
    wake()
  })
  return {
    async until(what: string, times = 1): Promise<string[]> {
      while (seen.filter((name) => name === what).length < times)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      return seen.filter((name) => name.includes('task') || name === 'resync')
    },
    cursor: () => lastCursor,
    cancel: () => call.cancel(),
  }
}

test('a watcher of a namespace hears of it alone, is kept awake, and resumes where it was', async () => {
  await update([wireRecord('a'), wireRecord('b', { task: { namespace: 'other', task: 'task' } })])
  const first = watch(['default'])
  expect(await first.until('caughtUp')).toEqual(['default/task@1'])
  await update([wireRecord('c')])
  await first.until('default/task@2')
  await first.until('caughtUp', 3)
  first.cancel()
  await update([wireRecord('d')])
  const second = watch(['default'], first.cursor())
  expect(await second.until('caughtUp')).toEqual(['default/task@3'])
  second.cancel()
  const third = watch([], 'of another life')
  expect((await third.until('caughtUp'))[0]).toBe('resync')
  third.cancel()
})

test('a profile that changes while a watcher is being told of another is sent once, as it is then', async () => {
  const watcher = watch([])
  await watcher.until('caughtUp')
  await update([wireRecord('0', { task: { namespace: '', task: 'first' } })])
  await watcher.until('default/first@1')
  const changes = Array.from({ length: 8 }, (_, i) => i + 1)
  for (const i of changes) await update([wireRecord(`${i}`)])
  const seen = await watcher.until(`default/task@${changes.length}`)
  expect(seen.filter((name) => name.startsWith('default/task@')).length).toBeLessThan(changes.length)
  watcher.cancel()
})

test('a watcher that folds nothing is spared the fingerprints, and nothing else', async () => {
  await update([wireRecord('a'), wireRecord('b')])
  const firstProfile = async (omitFolded: boolean | undefined) => {
    const call = service.client.watchProfiles({ namespaces: [], cursor: '', omitFolded })
    call.on('error', () => {})
    for await (const { change } of call as AsyncIterable<WatchProfilesResponse>) {
      if (change?.$case === 'profile' && change.value.key?.kind === 1) return change.value
    }
    return undefined
  }
  const whole = await firstProfile(undefined)
  expect(whole?.folded).toHaveLength(2)
  expect(await firstProfile(true)).toEqual({ ...whole, folded: [] })
})

test('a call in which everything is wrong is refused within its trailers, and the connection goes on', async () => {
  const name = 'é'.repeat(200)
  const labels = Object.fromEntries(Array.from({ length: 3 }, (_, i) => [`${i}${name}`, name]))
  const executions = Array.from({ length: 1000 }, (_, i) => wireRecord(`${i}`, { labels }))
  await expect(unary(service.client, 'updateProfile', { executions })).rejects.toMatchObject({ code: 3 })
  const namespace = '💡'.repeat(100_000)
  await expect(
    unary(service.client, 'getProfile', { key: { namespace, kind: 1, task: namespace } }),
  ).rejects.toMatchObject({ code: 3 })
  expect(await unary(service.client, 'updateProfile', { executions: [wireRecord('good')] })).toMatchObject({
    folded: 1,
  })
})
