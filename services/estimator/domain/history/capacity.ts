/** Executions that arrays have room for at first: many tasks never have more. */
export const firstCapacity = 32

/** The room once that is full: a profile that keeps 96 executions, as by default, fills its arrays. */
export const largerCapacity = (capacity: number): number => capacity + Math.max(firstCapacity, capacity >> 1)
