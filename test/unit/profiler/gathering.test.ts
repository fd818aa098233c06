import { expect, test } from 'vitest'
import { gathering } from '../../../services/profiler/gathering.ts'

interface Arrival {
  readonly atMs: number
  /** Undefined where somebody waits for the answer. */
  readonly stream: object | undefined
}

/**
 * Time by hand: what arrives is said beforehand, or comes of what was told, and a commit begins whenever something waits.
 * @param answered what is sent, by those whose batches a commit held, once they are told.
 */
function subject(
  first: readonly Arrival[],
  commitMs = 1,
  answered: (commit: readonly Arrival[], atMs: number) => readonly Arrival[] = () => [],
) {
  let nowMs = 0
  let arrivals = first
  let waiting: Arrival[] = []
  let underWay: readonly Arrival[] = []
  let begun = 0
  const gathered = gathering(
    {
      count: () => waiting.length,
      isFull: () => false,
      isStreamed: () => waiting.every(({ stream }) => stream !== undefined),
    },
    { nowMs: () => nowMs, nextTurn: async () => arriveUntil(nowMs), sleep },
  )

  function arriveUntil(atMs: number): void {
    for (let each = arrivals[0]; each && each.atMs <= atMs; each = arrivals[0]) {
      const { stream } = each
      arrivals = arrivals.slice(1)
      nowMs = Math.max(nowMs, each.atMs)
      const isAhead = [...waiting, ...underWay].some((other) => other.stream === stream)
      waiting.push(each)
      gathered.added(stream && { stream, isAhead })
    }
  }

  /** In steps, so that what ends a pause ends it there. */
  async function sleep(ms: number): Promise<void> {
    const before = begun
    const endMs = nowMs + ms
    for (let each = arrivals[0]; each && each.atMs <= endMs; each = arrivals[0]) {
      arriveUntil(each.atMs)
      for (let i = 0; i < 20; i++) await Promise.resolve()
      if (begun > before) return
    }
    nowMs = endMs
  }

  return async (mostCommits = Number.POSITIVE_INFINITY) => {
    const commits: { readonly atMs: number; readonly count: number }[] = []
    while (arrivals.length > 0 && begun < mostCommits) {
      nowMs = Math.max(nowMs, arrivals[0]?.atMs ?? 0)
      arriveUntil(nowMs)
      while (waiting.length > 0 && begun < mostCommits) {
        await gathered.done()
        begun += 1
        commits.push({ atMs: nowMs, count: waiting.length })
        underWay = waiting
        waiting = []
        arriveUntil(nowMs + commitMs)
        nowMs += Math.max(0, (commits.at(-1)?.atMs ?? 0) + commitMs - nowMs)
        arrivals = [...arrivals, ...answered(underWay, nowMs)].toSorted((a, b) => a.atMs - b.atMs)
        underWay = []
      }
    }
    return commits
  }
}

const one = {}
const nobody = () => undefined

const every = (ms: number, count: number, streamOf: (i: number) => object | undefined = () => one) =>
  Array.from({ length: count }, (_, i) => ({ atMs: 100 + i * ms, stream: streamOf(i) }))

test('batches of a stream that goes on share commits', async () => {
  const commits = await subject(every(0.5, 400))()
  expect(commits.length).toBeLessThan(400 / 15)
  const betweenMs = commits.slice(1).map(({ atMs }, i) => atMs - (commits[i]?.atMs ?? 0))
  expect(Math.max(...betweenMs)).toBeLessThanOrEqual(12)
})

test('batches of many streams that each send one now and then share commits', async () => {
  const streams = Array.from({ length: 200 }, () => ({}))
  const commits = await subject(every(0.5, 400, (i) => streams[i % 200]))()
  expect(commits.length).toBeLessThan(400 / 15)
})

test.each([2, 3, 8, 31])(
  '%i clients that each send a batch once they are told of the last wait for no pause',
  async (clients) => {
    const first = Array.from({ length: clients }, (_, i) => ({ atMs: 100 + i / 100, stream: {} }))
    const again = (commit: readonly Arrival[], atMs: number) =>
      commit.map(({ stream }, i) => ({ atMs: atMs + 0.3 + i / 100, stream }))
    const commits = (await subject(first, 1, again)(40)).slice(20)
    // Two may take turns, as each is told while the other is stored.
    const roundMs = 2 + 0.3 + clients / 100
    const batches = commits.slice(1).reduce((sum, { count }) => sum + count, 0)
    const tookMs = (commits.at(-1)?.atMs ?? 0) - (commits[0]?.atMs ?? 0)
    expect(tookMs / (batches / clients)).toBeLessThan(roundMs)
  },
)

test.each([4, 16])('a client that keeps %i batches under way waits for hardly any pause', async (window) => {
  const first = Array.from({ length: window }, (_, i) => ({ atMs: 100 + i / 100, stream: one }))
  const again = (commit: readonly Arrival[], atMs: number) =>
    commit.map(({ stream }, i) => ({ atMs: atMs + 0.3 + i / 100, stream }))
  const commitMs = 0.2
  const commits = await subject(first, commitMs, again)(4000)
  const batches = commits.reduce((sum, { count }) => sum + count, 0)
  const tookMs = (commits.at(-1)?.atMs ?? 0) - 100
  expect(tookMs / (batches / window)).toBeLessThan(1.3 * (commitMs + 0.3))
})

test('batches that come at random share commits, though now and then a pause brings nothing', async () => {
  let atMs = 100
  let seed = 1
  const arrivals = Array.from({ length: 5000 }, () => {
    seed = (seed * 48271) % 2147483647
    atMs -= 0.7 * Math.log(seed / 2147483647)
    return { atMs, stream: one }
  })
  const commits = await subject(arrivals, 0.5)()
  expect(commits.length).toBeLessThan(5000 / 10)
})

test('a stream is not held up: a commit begins with half of what it may have under way', async () => {
  const commits = await subject(every(0.01, 2000), 0.2)()
  for (const { count } of commits.slice(1, -1)) expect(count).toBeLessThanOrEqual(32)
})

test('a batch that comes alone does not wait', async () => {
  const arrivals = every(3, 50)
  expect((await subject(arrivals)()).map(({ atMs }) => atMs)).toEqual(arrivals.map(({ atMs }) => atMs))
})

test('who waits for an answer does not wait for the batches of streams', async () => {
  const arrivals = [...every(0.5, 60), ...every(7, 3, nobody)].toSorted((a, b) => a.atMs - b.atMs)
  const commits = await subject(arrivals)()
  for (const { atMs } of every(7, 3, nobody)) {
    const begun = commits.find((commit) => commit.atMs >= atMs)
    expect(begun?.atMs).toBeLessThanOrEqual(atMs + 1)
  }
})
