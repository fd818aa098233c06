import { afterAll, beforeAll, expect, test } from 'vitest'
import { confidence } from '../../cli/confidence.ts'
import { estimate } from '../../cli/estimate.ts'
import { call } from '../../shared/rpc/client.ts'
import { toNotices } from '../../shared/wire/estimate.ts'
import { NoticeKind } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { runCommand } from '../support/command-line.ts'
import { estimatorFixture, wireQuery } from '../support/estimator-fixture.ts'
import { execution, linearHistory } from '../support/histories.ts'
import { pairFixture } from '../support/pair-fixture.ts'
import { profileFeed } from '../support/profile-feed.ts'

const task = (task: string, namespace = 'default') => ({ namespace, task })
let pair: Awaited<ReturnType<typeof pairFixture>>

/** `sort` learned from 1 to 10 MB; a task of nearly the same name in another namespace. */
beforeAll(async () => {
  pair = await pairFixture()
  await pair.report(
    ...linearHistory(10).map((one) => ({ ...one, task: task('sort') })),
    execution('other', { task: task('srot2', 'other') }),
  )
  await pair.estimator.estimateUntil(({ executions }) => executions === 10, { task: task('sort') })
})

afterAll(() => pair?.close())

test('an estimate, a confidence and a batch carry the same notices', async () => {
  const { client, estimate, confidence } = pair.estimator
  const query = { task: task('sort'), features: { input_bytes: 32e6, input_byte: 1 } }
  const expected = [
    { kind: 'beyond-range', subject: 'input_bytes', number: 3.2, nearest: [] },
    { kind: 'unknown-feature', subject: 'input_byte', nearest: [] },
  ]

  for (let time = 1; time <= 2; time++) expect(toNotices((await estimate(query)).notices)).toEqual(expected)
  expect(toNotices((await confidence(1e9, query)).notices)).toEqual(expected)
  const queries = [wireQuery(query), wireQuery({ task: task('sort'), features: { input_bytes: 5e6 } })]
  const { results } = await call(client.estimateBatch.bind(client), { queries }, 10_000)
  const notices = results.map(({ result }) =>
    result?.$case === 'estimate' ? toNotices(result.value.notices) : undefined,
  )
  expect(notices).toEqual([expected, []])
})

test('an unknown task is told with the nearest names of its own namespace', async () => {
  const [unknown] = (await pair.estimator.estimate({ task: task('srot') })).notices
  expect(unknown).toMatchObject({ kind: NoticeKind.NOTICE_KIND_UNKNOWN_TASK, nearest: ['sort'] })
})

test('a view that is too old is told in answers that were kept from before', async () => {
  const profiler = await profileFeed()
  const { estimate, estimateUntil, confidence, close } = await estimatorFixture({
    profiler: profiler.address,
    staleAfterMs: 200,
  })
  try {
    await estimateUntil(({ notices }) =>
      notices.every(({ kind }) => kind !== NoticeKind.NOTICE_KIND_STALE_VIEW),
    )
    await profiler.close()
    const { notices, stalenessMs } = await estimateUntil(({ stalenessMs }) => stalenessMs > 200)
    expect(notices.at(-1)).toMatchObject({
      kind: NoticeKind.NOTICE_KIND_STALE_VIEW,
      number: stalenessMs,
    })
    expect((await estimate()).notices).toHaveLength(notices.length)
    expect((await confidence(1e9)).notices.at(-1)?.kind).toBe(NoticeKind.NOTICE_KIND_STALE_VIEW)
  } finally {
    await close()
  }
})

test('the command line prints them as sentences, and with --json as the contract names them', async () => {
  const at = ['--estimator', pair.estimator.address]
  const asked = [...at, '--task', 'sort', '--feature', 'input_byte=5MB']
  const sentence = 'note: input_byte is not a feature of sort: did you mean input_bytes?\n'
  expect((await runCommand(estimate, asked)).out).toContain(sentence)
  expect((await runCommand(confidence, [...asked, '--memory', '1GiB'])).out).toContain(sentence)
  expect((await runCommand(estimate, [...at, '--task', 'srot'])).out).toContain(
    'note: srot was never seen: did you mean sort?\n',
  )

  const { out } = await runCommand(estimate, [...asked, '--json'])
  expect(JSON.parse(out).estimate.notices[0]).toEqual({
    kind: 'NOTICE_KIND_UNKNOWN_FEATURE',
    subject: 'input_byte',
    nearest: ['input_bytes'],
  })
})
