import {
  addPair,
  addValue,
  type JointMoments,
  jointMoments,
  type Moments,
  moments,
} from '../../shared/domain/moments.ts'
import type { TraceRow } from './trace.ts'

/** What a method may know of a row before it runs. */
export type Asked = Omit<TraceRow, 'durationMs' | 'peakMemoryBytes' | 'cpuCores' | 'completed'>

/** A way to choose the memory of an execution. Unit: bytes. */
export interface SizingMethod {
  readonly name: string
  allocate(row: Asked): number
  /** After `failed` bytes did not suffice for the `tries`-th time. */
  retry(row: Asked, failed: number, tries: number): number
  /** A retry was given so much: for a method that counts it as use at once. */
  raise?(row: Asked, given: number): void
  /** The execution ended: its need is known. */
  observe(row: TraceRow, needBytes: number): void
}

/** What a task gets of which nothing is known. */
export type ColdStart = (row: Asked) => number

interface History extends Readonly<Moments> {
  readonly sorted: readonly number[]
  readonly max: number
}

const double = (failed: number) => failed * 2

/** The largest need seen where that is clearly more than what failed. */
const maxSeenOrDouble = (failed: number, maxSeen: number) => (maxSeen > 1.05 * failed ? maxSeen : failed * 2)

/** One value per task history, the same for every execution of the task until it has one more. */
function perTask(
  name: string,
  coldStart: ColdStart,
  value: (history: History) => number,
  next: (failed: number, maxSeen: number) => number = double,
): SizingMethod {
  const histories = new Map<string, Moments & { readonly sorted: number[]; max: number }>()
  return {
    name,
    allocate(row) {
      const history = histories.get(row.task)
      return history === undefined ? coldStart(row) : value(history)
    },
    retry: ({ task }, failed) => next(failed, histories.get(task)?.max ?? 0),
    observe({ task }, need) {
      const history = histories.get(task) ?? { ...moments(), sorted: [], max: 0 }
      histories.set(task, history)
      insert(history.sorted, need)
      history.max = Math.max(history.max, need)
      addValue(history, need)
    },
  }
}

function insert(sorted: number[], value: number): void {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as number) < value) low = middle + 1
    else high = middle
  }
  sorted.splice(low, 0, value)
}

/** Linear between order statistics (Hyndman & Fan, type 7). */
export function percentile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? low
  return low + (high - low) * (at - Math.floor(at))
}

export const request = (coldStart: ColdStart): SizingMethod => ({
  name: 'request',
  allocate: coldStart,
  retry: (_row, failed) => double(failed),
  observe() {},
})

export const p95 = (coldStart: ColdStart) =>
  perTask('p95', coldStart, ({ sorted }) => percentile(sorted, 0.95))

export const maxPlus = (coldStart: ColdStart) => perTask('max-x1.05', coldStart, ({ max }) => 1.05 * max)

export const meanPlusTwoSigma = (coldStart: ColdStart) =>
  perTask(
    'mean+2sigma',
    coldStart,
    ({ mean, squares, count }) => mean + 2 * Math.sqrt(squares / count),
    maxSeenOrDouble,
  )

/**
 * Linear regression of the peak on the input size, plus one standard deviation of what is left.
 * Source: Witt, Wagner & Leser, "Feedback-Based Resource Allocation for Batch Scheduling of Scientific Workflows",
 * HPCS 2019 (LR+).
 */
export function wittLr(coldStart: ColdStart): SizingMethod {
  const tasks = new Map<string, { readonly sized: JointMoments; readonly all: JointMoments }>()
  return {
    name: 'witt-lr',
    allocate(row) {
      const known = tasks.get(row.task)
      if (known === undefined) return coldStart(row)
      const { sized, all } = known
      const x = row.features['input_bytes']
      if (x === undefined || sized.count < 2) return all.meanY + Math.sqrt(all.squaresY / all.count)
      const slope = sized.squaresX > 0 ? sized.products / sized.squaresX : 0
      const left = Math.max(0, sized.squaresY - slope * sized.products) / sized.count
      return Math.max(1e6, sized.meanY + slope * (x - sized.meanX) + Math.sqrt(left))
    },
    retry: (_row, failed) => double(failed),
    observe(row, need) {
      const known = tasks.get(row.task) ?? { sized: jointMoments(), all: jointMoments() }
      tasks.set(row.task, known)
      addPair(known.all, 0, need)
      const x = row.features['input_bytes']
      if (x !== undefined) addPair(known.sized, x, need)
    },
  }
}

/**
 * First allocation at the order statistic that minimises the expected allocation, a failure being run again at the
 * largest need seen.
 * Source: Tovar et al., "A Job Sizing Strategy for High-Throughput Scientific Workflows", IEEE TPDS 29(2), 2018.
 */
export function tovarPpm(coldStart: ColdStart): SizingMethod {
  const chosen = new Map<readonly number[], { readonly count: number; readonly bytes: number }>()
  return perTask(
    'tovar-ppm',
    coldStart,
    ({ sorted, max, count }) => {
      const before = chosen.get(sorted)
      // Beyond a hundred executions the choice hardly moves: it is made anew with every 2 % more of them.
      if (before !== undefined && count < (before.count < 100 ? before.count + 1 : before.count * 1.02)) {
        return before.bytes
      }
      let best = Number.POSITIVE_INFINITY
      let bytes = max
      for (let i = 0; i < count; i++) {
        const first = sorted[i] as number
        if (sorted[i + 1] === first) continue
        const cost = first + (max * (count - 1 - i)) / count
        if (cost < best) {
          best = cost
          bytes = first
        }
      }
      chosen.set(sorted, { count, bytes })
      return bytes
    },
    maxSeenOrDouble,
  )
}

/**
 * 90th percentile of a histogram with buckets growing by 5 % from 10 MB, plus 15 %; a failure raises by 20 % or 100 MB,
 * and what it is raised to enters the histogram at once.
 * Decay is left out: a trace need not say when it happened.
 * Source: Kubernetes autoscaler, vertical-pod-autoscaler/pkg/recommender (defaults of the target estimator).
 */
export function vpaLike(coldStart: ColdStart): SizingMethod {
  const firstBytes = 1e7
  const growth = 1.05
  const bucketOf = (bytes: number) =>
    bytes < firstBytes ? 0 : Math.floor(Math.log((bytes * (growth - 1)) / firstBytes + 1) / Math.log(growth))
  const startOf = (bucket: number) => (firstBytes * (growth ** bucket - 1)) / (growth - 1)
  const tasks = new Map<string, { readonly buckets: Map<number, number>; total: number }>()
  const add = (task: string, bytes: number): void => {
    const known = tasks.get(task) ?? { buckets: new Map<number, number>(), total: 0 }
    tasks.set(task, known)
    const bucket = bucketOf(bytes)
    known.buckets.set(bucket, (known.buckets.get(bucket) ?? 0) + 1)
    known.total++
  }
  return {
    name: 'vpa-like',
    allocate(row) {
      const known = tasks.get(row.task)
      if (known === undefined) return coldStart(row)
      let passed = 0
      let last = 0
      for (const bucket of [...known.buckets.keys()].sort((a, b) => a - b)) {
        last = bucket
        passed += known.buckets.get(bucket) ?? 0
        if (passed >= 0.9 * known.total) break
      }
      return startOf(last + 1) * 1.15
    },
    retry: (_row, failed) => Math.max(failed * 1.2, failed + 1e8),
    raise: ({ task }, given) => add(task, given),
    observe: ({ task }, need) => add(task, need),
  }
}

/** Every baseline, in the order shown. */
export const baselines = [request, p95, maxPlus, meanPlusTwoSigma, wittLr, tovarPpm, vpaLike] as const

export const baselineNames: readonly string[] = baselines.map((make) => make(() => 0).name)
