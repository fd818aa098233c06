const dayMs = 86_400_000

export interface TaskHistory {
  readonly executions: number
  readonly firstSeenUnixMs: number
  readonly lastSeenUnixMs: number
}

/** Sums over some of the executions: how many, and what they wasted, in the dimension's unit times milliseconds. */
export interface WastedBy {
  readonly executions: number
  readonly wasted: number
}

/** What a task wastes in a day: that of one execution in the mean, times those of a day. Undefined where none is known of. */
export function wastePerDay(
  { executions, firstSeenUnixMs, lastSeenUnixMs }: TaskHistory,
  known: WastedBy | undefined,
): number | undefined {
  if (known === undefined || known.executions === 0) return undefined
  // A task of a minute's history has not wasted for a day yet.
  const days = Math.max(1, (lastSeenUnixMs - firstSeenUnixMs) / dayMs)
  return (known.wasted / known.executions) * (executions / days)
}
