/** Scans of a full list that a set of it costs to build [150 µs, a scan 1.5]. */
const scansOfASet = 100

/** Room for more, as a part of what is held: appending copies the list once in so many. */
const growth = 1.25
const leastRoom = 16

/** How much of a buffer is in use: its numbers up to there belong to some list and are never written again. */
const inUse = new WeakMap<ArrayBufferLike, number>()

/** Which executions were folded lately. */
export interface FoldedMemory {
  /** False where it is remembered already. */
  remember(print: number): boolean
  /** False where it is not remembered. */
  forget(print: number): boolean
  /** The latest fingerprints, oldest first. */
  list(): Float64Array
}

/**
 * What `before` holds, and what is new; the oldest beyond `limit` are dropped.
 * Law: `before` is not changed. Lists that grew out of one another share a buffer, each a window of it.
 * @param expected so many will be asked for.
 */
export function foldedMemory(before: Float64Array, limit: number, expected: number): FoldedMemory {
  const news: number[] = []
  const known = expected > scansOfASet ? new Set(before) : undefined
  let old = before
  let from = 0
  const at = (index: number) => (index < old.length ? old[index] : news[index - old.length])
  const has = (print: number) =>
    known
      ? known.has(print)
      : old.indexOf(print, from) >= 0 || news.indexOf(print, Math.max(0, from - old.length)) >= 0
  return {
    remember(print) {
      if (has(print)) return false
      known?.add(print)
      news.push(print)
      if (old.length + news.length - from > limit) {
        known?.delete(at(from) as number)
        from += 1
      }
      return true
    },
    forget(print) {
      const index = news.indexOf(print, Math.max(0, from - old.length))
      if (index >= 0) news.splice(index, 1)
      else {
        const place = old.indexOf(print, from)
        if (place < 0) return false
        old = old.filter((_, i) => i !== place)
      }
      known?.delete(print)
      return true
    },
    list: () => appended(old.subarray(from), from > old.length ? news.slice(from - old.length) : news),
  }
}

/** The list and then the news: in place, where nothing was appended to it before and its buffer has room. */
function appended(list: Float64Array, news: readonly number[]): Float64Array {
  const length = list.length + news.length
  const begin = list.byteOffset / Float64Array.BYTES_PER_ELEMENT
  const end = begin + list.length
  let whole = new Float64Array(list.buffer, list.byteOffset)
  if (inUse.get(list.buffer) !== end || whole.length < length) {
    whole = new Float64Array(Math.max(leastRoom, Math.ceil(length * growth)))
    whole.set(list)
  }
  whole.set(news, list.length)
  inUse.set(whole.buffer, whole.byteOffset / Float64Array.BYTES_PER_ELEMENT + length)
  return whole.subarray(0, length)
}

/** What was appended to `before` to make `after`, and how many of its oldest were dropped; undefined where it did not grow out of it. */
export function grownBy(
  before: Float64Array,
  after: Float64Array,
): { readonly dropped: number; readonly added: Float64Array } | undefined {
  if (before.buffer === after.buffer) {
    const dropped = (after.byteOffset - before.byteOffset) / Float64Array.BYTES_PER_ELEMENT
    const kept = before.length - dropped
    if (dropped >= 0 && kept >= 0 && kept <= after.length) return { dropped, added: after.subarray(kept) }
  }
  const last = before.at(-1)
  const kept = last === undefined ? 0 : after.lastIndexOf(last) + 1
  const dropped = before.length - kept
  if (dropped < 0 || (kept === 0 && dropped > 0)) return undefined
  for (let i = 0; i < kept; i++) if (after[i] !== before[dropped + i]) return undefined
  return { dropped, added: after.subarray(kept) }
}
