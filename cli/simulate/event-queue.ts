/** Events by time, those of the same time in the order they were added. A binary heap. */
export interface EventQueue<T> {
  add(atMs: number, event: T): void
  /** Time of the next one; undefined where there is none. */
  nextMs(): number | undefined
  take(): T | undefined
}

interface Entry<T> {
  readonly atMs: number
  readonly sequence: number
  readonly event: T
}

export function createEventQueue<T>(): EventQueue<T> {
  const heap: Entry<T>[] = []
  let sequence = 0

  const isBefore = (a: Entry<T>, b: Entry<T>) =>
    a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)

  function swapUp(from: number): void {
    for (let i = from; i > 0; ) {
      const parent = (i - 1) >> 1
      const [child, above] = [heap[i] as Entry<T>, heap[parent] as Entry<T>]
      if (!isBefore(child, above)) return
      heap[i] = above
      heap[parent] = child
      i = parent
    }
  }

  function swapDown(): void {
    for (let i = 0; ; ) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && isBefore(heap[child] as Entry<T>, heap[least] as Entry<T>)) least = child
      }
      if (least === i) return
      const moved = heap[i] as Entry<T>
      heap[i] = heap[least] as Entry<T>
      heap[least] = moved
      i = least
    }
  }

  return {
    add(atMs, event) {
      heap.push({ atMs, sequence: sequence++, event })
      swapUp(heap.length - 1)
    },
    nextMs: () => heap[0]?.atMs,
    take() {
      const first = heap[0]
      const last = heap.pop()
      if (first === undefined || last === undefined) return undefined
      if (heap.length > 0) {
        heap[0] = last
        swapDown()
      }
      return first.event
    },
  }
}
