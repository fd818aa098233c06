import { ForesizeError } from '../../shared/domain/errors.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import { adjust, bestFit, placeable, shortOf } from './domain/placement.ts'
import type { ResourceAwareScheduler, SchedulableTask, SizedTask } from './resource-aware-scheduler.ts'

export interface ClusterNode {
  readonly name: string
  /** A dimension that is unset is not limited. */
  readonly capacity: Resources
}

export interface ClusterOptions<T extends SchedulableTask, R> {
  readonly nodes: readonly ClusterNode[]
  /** Runs a task that has its place; the place is free again once it settles. */
  readonly run: (task: SizedTask<T>, node: string) => Promise<R>
  /** Tasks that may wait. Default 10,000. */
  readonly maxQueued?: number
  /** Times a task at the head may be passed by a later one that fits; then the queue waits for it. Default 100. */
  readonly maxPassed?: number
  /** Tasks looked at behind the head for one that fits. Default 64. */
  readonly lookahead?: number
}

export interface ClusterScheduler<T extends SchedulableTask, R> extends ResourceAwareScheduler<T, R> {
  /** Resolves with what `run` did. Rejects `overloaded` with a full queue, `unsupported` where no node is large enough. */
  schedule(task: SizedTask<T>): Promise<R>
  queued(): number
  running(): number
  free(): readonly { readonly name: string; readonly free: Resources }[]
}

interface Waiting<T extends SchedulableTask, R> {
  sized: SizedTask<T>
  passed: number
  readonly resolve: (result: R) => void
  readonly reject: (error: unknown) => void
}

/**
 * Places tasks on nodes by what they are given: first come first served, but a later task that fits may pass one that
 * does not, a bounded number of times. A task is sized anew when it comes to be placed.
 */
export function createClusterScheduler<T extends SchedulableTask, R>({
  nodes,
  run,
  maxQueued = 10_000,
  maxPassed = 100,
  lookahead = 64,
}: ClusterOptions<T, R>): ClusterScheduler<T, R> {
  const state = nodes.map(({ name, capacity }) => ({ name, capacity, free: capacity }))
  const queue: Waiting<T, R>[] = []
  let running = 0
  let isPlacing = false
  let isStale = false

  const fitsSomewhere = (need: Resources) =>
    state.some(({ capacity }) => shortOf(capacity, need) === undefined)

  /** One pass at a time; what changes during a pass is seen by the next. */
  async function place(): Promise<void> {
    isStale = true
    if (isPlacing) return
    isPlacing = true
    while (isStale) {
      isStale = false
      await placeWaiting()
    }
    isPlacing = false
  }

  async function placeWaiting(): Promise<void> {
    if (!state.some(hasRoom)) return
    await Promise.all(queue.slice(0, lookahead).map(resize))
    for (let at = 0; at < Math.min(queue.length, lookahead); ) {
      const waiting = queue[at] as Waiting<T, R>
      const node = bestFit(state, waiting.sized.allocated)
      if (node !== undefined) {
        for (const ahead of queue.slice(0, at)) ahead.passed++
        queue.splice(at, 1)
        start(waiting, node)
      } else if (waiting.passed < maxPassed) {
        at++
      } else {
        return
      }
    }
  }

  /** Keeps the size it had where the new one would fit nowhere. */
  async function resize(waiting: Waiting<T, R>): Promise<void> {
    const sized = await waiting.sized.resize().catch(() => waiting.sized)
    if (fitsSomewhere(sized.allocated)) waiting.sized = sized
  }

  function start({ sized, resolve, reject }: Waiting<T, R>, node: (typeof state)[number]): void {
    running++
    node.free = adjust(node.free, sized.allocated, -1)
    Promise.resolve()
      .then(() => run(sized, node.name))
      .then(resolve, reject)
      .finally(() => {
        running--
        node.free = adjust(node.free, sized.allocated, 1)
        void place()
      })
  }

  return {
    schedule(sized) {
      if (!fitsSomewhere(sized.allocated)) {
        return Promise.reject(
          new ForesizeError('unsupported', `no node is large enough for ${sized.task.task.task}`),
        )
      }
      if (queue.length >= maxQueued) {
        return Promise.reject(new ForesizeError('overloaded', `${maxQueued} tasks are waiting already`))
      }
      return new Promise<R>((resolve, reject) => {
        queue.push({ sized, passed: 0, resolve, reject })
        void place()
      })
    },
    queued: () => queue.length,
    running: () => running,
    free: () => state.map(({ name, free }) => ({ name, free })),
  }
}

/** Nothing more can start on a node with nothing free of something. */
function hasRoom({ free }: { readonly free: Resources }): boolean {
  return placeable.every((dimension) => free[dimension] === undefined || (free[dimension] as number) > 0)
}
