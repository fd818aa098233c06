import { expect, test } from 'vitest'
import { gathering } from '../../../services/profiler/gathering.ts'

/** Time by hand: what arrives is said beforehand, and a commit begins whenever something waits. */
function subject(arrivals: readonly { readonly atMs: number; readonly isStreamed: boolean }[], commitMs = 1) {
  let nowMs = 0
  let waiting: boolean[] = []
  let next = 0
  let begun = 0
  const gathered = gathering(
    { count: () => waiting.length, isFull: () => false, isStreamed: () => waiting.every(Boolean) },
    { nowMs: () => nowMs, nextTurn: async () => arriveUntil(nowMs), sleep },
  )

  function arriveUntil(atMs: number): void {
    for (let each = arrivals[next]; each && each.atMs <= atMs; each = arrivals[++next]) {
      nowMs = Math.max(nowMs, each.atMs)
      waiting.push(each.isStreamed)
      gathered.added()
    }
  }

  /** In steps, so that what ends a pause ends it there. */
  async function sleep(ms: number): Promise<void> {
    const before = begun
    const endMs = nowMs + ms
    for (let each = arrivals[next]; each && each.atMs <= endMs; each = arrivals[next]) {
      arriveUntil(each.atMs)
      for (let i = 0; i < 20; i++) await Promise.resolve()
      if (begun > before) return
    }
    nowMs = endMs
  }

  return async () => {
    const commits: { readonly atMs: number; readonly count: number }[] = []
    while (next < arrivals.length) {
      nowMs = Math.max(nowMs, arrivals[next]?.atMs ?? 0)
      arriveUntil(nowMs)
      while (waiting.length > 0) {
        await gathered.done()
        begun += 1
        commits.push({ atMs: nowMs, count: waiting.length })
        waiting = []
        nowMs += commitMs
        arriveUntil(nowMs)
      }
    }
    return commits
  }
}

const every = (ms: number, count: number, isStreamed = true) =>
  Array.from({ length: count }, (_, i) => ({ atMs: 100 + i * ms, isStreamed }))

test('batches of a stream that goes on share commits', async () => {
  const commits = await subject(every(0.5, 400))()
  expect(commits.length).toBeLessThan(400 / 15)
  const betweenMs = commits.slice(1).map(({ atMs }, i) => atMs - (commits[i]?.atMs ?? 0))
  expect(Math.max(...betweenMs)).toBeLessThanOrEqual(12)
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
  const arrivals = [...every(0.5, 60), ...every(7, 3, false)].toSorted((a, b) => a.atMs - b.atMs)
  const commits = await subject(arrivals)()
  for (const { atMs } of every(7, 3, false)) {
    const begun = commits.find((commit) => commit.atMs >= atMs)
    expect(begun?.atMs).toBeLessThanOrEqual(atMs + 1)
  }
})
