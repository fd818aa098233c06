/**
 * The items in an order drawn from `seed`.
 * Source: Fisher & Yates; the numbers are those of mulberry32 (Tommy Ettinger, public domain).
 */
export function shuffled<T>(items: readonly T[], seed: number): readonly T[] {
  const drawn = [...items]
  let state = seed >>> 0
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  for (let last = drawn.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = drawn[last] as T
    drawn[last] = drawn[other] as T
    drawn[other] = kept
  }
  return drawn
}
