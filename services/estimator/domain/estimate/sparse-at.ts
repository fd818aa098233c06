import { type PowerTail, tailAmong } from '../distribution/tail.ts'
import type { DimensionModel } from '../ensemble/dimension-model.ts'
import type { Point } from '../features/encoder.ts'
import { alikeInSize } from '../history/alike-in-size.ts'
import type { Beyond } from './where-beyond.ts'

/**
 * Where few executions are as large: in the most informative feature or in one that the query is beyond the range of, whichever says
 * most. `edge`: the query, at the edge of each such range.
 */
export function sparseAt(
  model: DimensionModel,
  edge: Point,
  beyond: Beyond | undefined,
): PowerTail | undefined {
  const { column: primary } = model
  const isBeyond = beyond?.features.some(({ column }) => column === primary) ?? false
  let most = primary === undefined ? undefined : sparseIn(model, primary, edge, isBeyond)
  if (beyond === undefined) return most
  for (const { column } of beyond.features) {
    const tail = column === primary ? undefined : sparseIn(model, column, edge, true)
    if (tail !== undefined && tail.chance > (most?.chance ?? 0)) most = tail
  }
  return most
}

function sparseIn(
  { executions, largest = 0 }: DimensionModel,
  column: number,
  edge: Point,
  isBeyond: boolean,
): PowerTail | undefined {
  const alike = alikeInSize(executions, column, edge, isBeyond)
  return alike && tailAmong(alike, largest)
}
