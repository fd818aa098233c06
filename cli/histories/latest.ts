import { turn } from '../../shared/runtime/turns.ts'
import { HistoryError } from './history.ts'

interface Ended {
  readonly task: string
  readonly endedAtUnixMs?: number | undefined
}

export interface Latest<T> {
  add(execution: T): void
  /** To be called once all are added: puts each task's in order, in turns that leave others theirs. */
  settle(): Promise<{
    /** Executions kept, and left out for later ones of their task. */
    readonly kept: number
    readonly left: number
    readonly tasks: number
    /** Oldest first: what is learned last counts most. Those without a time as they came. */
    oldestFirst(): Generator<T>
  }>
}

/**
 * Keeps the latest executions of each task, about `total` of all tasks at most: where that is too many, fewer of each.
 * Throws: HistoryError where there are more tasks than that.
 */
export function latestOfEach<T extends Ended>(limits: {
  readonly perTask: number
  readonly total: number
}): Latest<T> {
  const byTask = new Map<string, T[]>()
  let most = limits.perTask
  let held = 0
  let left = 0
  let round = byTask.values()

  function trim(own: T[]): void {
    own.sort(byEnd)
    const surplus = Math.max(0, own.length - most)
    own.splice(0, surplus)
    held -= surplus
    left += surplus
  }

  /** One task at each call, so that none takes long. Another round begins with half as many of each. */
  function makeRoom(): void {
    const next = round.next()
    if (next.done !== true) {
      if (next.value.length > most) trim(next.value)
      return
    }
    most = Math.ceil(most / 2)
    round = byTask.values()
  }

  return {
    add(execution) {
      const own = byTask.get(execution.task)
      if (own !== undefined) own.push(execution)
      else if (byTask.size < limits.total) byTask.set(execution.task, [execution])
      else throw new HistoryError(`more than ${limits.total} tasks: ${advice}`)
      held++
      // Sorted now and then, not with each.
      if (own !== undefined && own.length >= 2 * most) trim(own)
      if (held > limits.total) makeRoom()
    },
    async settle() {
      for (const own of byTask.values()) {
        trim(own)
        if (turn.isOver()) await turn.rest()
      }
      return { kept: held, left, tasks: byTask.size, oldestFirst: () => merged([...byTask.values()]) }
    },
  }
}

const advice = 'is each execution named apart? --rename and --task-from put them together'

const byEnd = (a: Ended, b: Ended) => (a.endedAtUnixMs ?? 0) - (b.endedAtUnixMs ?? 0)

/** Sorted lists as one, by a heap of what each has next: sorting all at once would take a turn of its own. */
function* merged<T extends Ended>(lists: readonly (readonly T[])[]): Generator<T> {
  const heap = lists
    .map((list, order) => ({ list, order, next: 0 }))
    .sort((a, b) => byEnd(a.list[0] as T, b.list[0] as T) || a.order - b.order)
  const isBefore = (a: (typeof heap)[number], b: (typeof heap)[number]) =>
    (byEnd(a.list[a.next] as T, b.list[b.next] as T) || a.order - b.order) < 0
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    yield top.list[top.next++] as T
    if (top.next === top.list.length) {
      const last = heap.pop()
      if (last === top || last === undefined) continue
      heap[0] = last
    }
    sink(heap, isBefore)
  }
}

function sink<T>(heap: T[], isBefore: (a: T, b: T) => boolean): void {
  const moved = heap[0] as T
  let at = 0
  for (;;) {
    const [left, right] = [2 * at + 1, 2 * at + 2]
    if (left >= heap.length) break
    const child = right < heap.length && isBefore(heap[right] as T, heap[left] as T) ? right : left
    if (!isBefore(heap[child] as T, moved)) break
    heap[at] = heap[child] as T
    at = child
  }
  heap[at] = moved
}
