import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MeasurementSource, Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'

/**
 * One line of JSON to a driver, which does it with its SDK and answers with one line. `count` repeats an operation over
 * executions `id0`, `id1` and so on. An answer with `error` says what the SDK threw: none may.
 */
export type Operation =
  | {
      readonly op: 'worker'
      readonly options: {
        readonly target: string
        readonly namespace: string
        readonly maxSamples?: number
        readonly maxExecutions?: number
        readonly maxBatchBytes?: number
        readonly reconnectMaxMs?: number
        readonly leaseMs?: number
      }
    }
  /** → `{ recorded }`: how many were taken. */
  | {
      readonly op: 'start'
      readonly id: string
      readonly count?: number
      readonly task: string
      readonly attempt?: number
      readonly features?: Record<string, number>
      readonly labels?: Record<string, string>
      readonly requested?: Resources
      readonly allocated?: Resources
      /** base64 */
      readonly estimateToken?: string
    }
  /** `samples` of them, a millisecond apart; that number `peakAt` has `peakBytes`. */
  | {
      readonly op: 'sample'
      readonly id: string
      readonly count?: number
      readonly samples?: number
      readonly elapsedMs: number
      readonly cpuCores?: number
      readonly memoryBytes?: number
      readonly peakAt?: number
      readonly peakBytes?: number
    }
  | {
      readonly op: 'end'
      readonly id: string
      readonly count?: number
      readonly outcome: Outcome
      readonly used?: Resources
      readonly source?: MeasurementSource
    }
  /** → `{ outcome, used, source }`. */
  | { readonly op: 'run'; readonly task: string; readonly command: readonly string[] }
  /** → `{ durable }`. */
  | { readonly op: 'flush' | 'close'; readonly deadlineMs: number }
  /** → `{ started, ended, rejected, unrecorded, disconnects, executions, thinnedSamples }`. */
  | { readonly op: 'statistics' }
  /** → `{ fields }`: what was named in rejections so far. */
  | { readonly op: 'fields' }
  /** → `{ executions, memoryBytes, confidence }`. */
  | {
      readonly op: 'estimate'
      readonly target: string
      readonly namespace: string
      readonly task: string
      readonly features: Record<string, number>
    }

/** What must be so: a number or word itself, or bounds of a number, or something in a list. */
export type Expected =
  | unknown
  | { readonly atLeast?: number; readonly atMost?: number }
  | { readonly holds: unknown }

export type Step =
  | (Operation & { readonly answer?: Readonly<Record<string, Expected>> })
  /** `kill` is kill -9, `start` starts it again on the same data and address. */
  | { readonly server: 'kill' | 'start' | 'pause' | 'continue' }

export interface Vector {
  readonly name: string
  /** What it shows. */
  readonly law: string
  /** `none`: nothing listens where the worker reports to. Default `memory`. */
  readonly store?: 'memory' | 'lmdb' | 'none'
  /** Flags of a profiler of its own. */
  readonly profiler?: readonly string[]
  /** Of the worker. */
  readonly worker?: Omit<Extract<Operation, { op: 'worker' }>['options'], 'target' | 'namespace'>
  readonly steps: readonly Step[]
  /** By task; `outcomes` is exact. */
  readonly profiles?: Readonly<
    Record<
      string,
      {
        readonly outcomes: Readonly<Partial<Record<Outcome, number>>>
        /** Holds for every execution that the profile keeps. */
        readonly executions?: Readonly<Record<string, Expected>>
      }
    >
  >
  /** Tasks of which nothing may be known. */
  readonly unknown?: readonly string[]
}

const folder = join(import.meta.dirname, 'vectors')

export const vectors: readonly Vector[] = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => ({
    name: name.replace('.json', ''),
    ...JSON.parse(readFileSync(join(folder, name), 'utf8')),
  }))
