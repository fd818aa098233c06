import { type Dimension, dimensions, type Resources } from '../../../shared/domain/resources.ts'

/** A run time is no share of a node. */
export const placeable: readonly Dimension[] = dimensions.filter((dimension) => dimension !== 'durationMs')

export interface FreeNode {
  readonly name: string
  /** A dimension that is unset is not limited. */
  readonly free: Resources
}

/** What was taken and given back many times is not to the last bit what it was. */
const rounding = 1e-9

/** Whether `need` fits in what is free; the first dimension that does not. */
export function shortOf(free: Resources, need: Resources): Dimension | undefined {
  return placeable.find((dimension) => {
    const has = free[dimension]
    const wants = need[dimension]
    return has !== undefined && wants !== undefined && wants > has * (1 + rounding)
  })
}

/**
 * Best fit: of the nodes that the need fits on, the one with the least memory left over, the first of equals.
 * Source: Coffman, Garey & Johnson, "Approximation algorithms for bin packing", 1996, §2.2.
 */
export function bestFit<N extends FreeNode>(nodes: readonly N[], need: Resources): N | undefined {
  let best: N | undefined
  for (const node of nodes) {
    if (shortOf(node.free, need) !== undefined) continue
    if (best === undefined || leftOver(node, need) < leftOver(best, need)) best = node
  }
  return best
}

function leftOver({ free }: FreeNode, need: Resources): number {
  return (free.memoryBytes ?? Number.POSITIVE_INFINITY) - (need.memoryBytes ?? 0)
}

/** `sign` 1 gives back, −1 takes. Never below zero, whatever rounding did. */
export function adjust(free: Resources, amount: Resources, sign: 1 | -1): Resources {
  const result: { [D in Dimension]?: number | undefined } = { ...free }
  for (const dimension of placeable) {
    const has = free[dimension]
    if (has !== undefined) result[dimension] = Math.max(0, has + sign * (amount[dimension] ?? 0))
  }
  return result
}
