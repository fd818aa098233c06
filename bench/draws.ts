/** Draws that are the same for the same seed. */
export interface Draws {
  /** Of 0 to 1. */
  readonly uniform: () => number
  /** Of mean 0 and variance 1. */
  readonly normal: () => number
}

/** Source: mulberry32 (Tommy Ettinger, public domain); Box & Muller. */
export function draws(seed: number): Draws {
  let state = seed >>> 0
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return { uniform, normal }
}
