/** Room for more, as a part of what is held: appending copies the list once in so many. */
const growth = 1.25
const leastRoom = 16

/** Bits for each number that a buffer has room for: one in twelve that it does not hold is looked for in vain. */
const bitsPerNumber = 8

/** What lists that are windows of one buffer share. */
interface Shared {
  /** Numbers of the buffer up to there belong to some list and are never written again. */
  inUse: number
  /** A bit for the low bits of each of them, so that a list is not searched for what is not there [1.5 µs of a full one]. */
  readonly marks: Uint8Array
}

const shared = new WeakMap<ArrayBufferLike, Shared>()

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
 */
export function foldedMemory(before: Float64Array, limit: number): FoldedMemory {
  const news: number[] = []
  let old = before
  let from = 0
  const marks = shared.get(before.buffer)?.marks
  const has = (print: number) =>
    ((marks === undefined || isMarked(marks, print)) && old.indexOf(print, from) >= 0) ||
    news.indexOf(print, Math.max(0, from - old.length)) >= 0
  return {
    remember(print) {
      if (has(print)) return false
      news.push(print)
      if (old.length + news.length - from > limit) from += 1
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
  let its = shared.get(list.buffer)
  if (its?.inUse !== end || whole.length < length) {
    whole = new Float64Array(Math.max(leastRoom, Math.ceil(length * growth)))
    whole.set(list)
    its = { inUse: 0, marks: marksFor(whole.length) }
    for (const print of list) mark(its.marks, print)
    shared.set(whole.buffer, its)
  }
  whole.set(news, list.length)
  for (const print of news) mark(its.marks, print)
  its.inUse = whole.byteOffset / Float64Array.BYTES_PER_ELEMENT + length
  return whole.subarray(0, length)
}

/** A power of two of bits: the low bits of a fingerprint say which. */
const marksFor = (numbers: number) => new Uint8Array(2 ** Math.ceil(Math.log2(numbers * bitsPerNumber)) / 8)

function mark(marks: Uint8Array, print: number): void {
  const bit = (print >>> 0) & (marks.length * 8 - 1)
  marks[bit >>> 3] = (marks[bit >>> 3] as number) | (1 << (bit & 7))
}

function isMarked(marks: Uint8Array, print: number): boolean {
  const bit = (print >>> 0) & (marks.length * 8 - 1)
  return ((marks[bit >>> 3] as number) & (1 << (bit & 7))) !== 0
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
