/** Executions that arrays have room for at first: many tasks never have more. */
export const firstCapacity = 32

/** The room once that is full: a profile that keeps 96 executions, as by default, fills its arrays. */
export const largerCapacity = (capacity: number): number => capacity + Math.max(firstCapacity, capacity >> 1)

/** The room that so many have come to need, had they come one by one. */
export function capacityFor(executions: number): number {
  let capacity = firstCapacity
  while (capacity < executions) capacity = largerCapacity(capacity)
  return capacity
}
