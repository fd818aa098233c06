import { type LocalPair, localPair } from '../../cli/evaluate/local-pair.ts'
import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import type { Estimate, EstimateQuery } from '../../shared/domain/estimate.ts'
import type { Policy } from '../../shared/domain/policy.ts'
import { type GeneratedWork, oracleLadder, runTimeMs } from './generated-work.ts'
import { randomOf } from './random.ts'

/** One execution, however many attempts it took, bytes. */
export interface Played {
  readonly need: number
  /** Given and not used; all of it where an attempt was killed. */
  readonly wasted: number
  /** What whoever knows the truth wasted on the same execution. */
  readonly oracleWasted: number
  /** Of the first attempt. */
  readonly sufficed: boolean
  readonly confidence: number
  readonly reason: string
}

const task = { namespace: 'default', task: 'generated' }

/** One execution after the other through the estimator's own functions; each need is known before the next is asked. */
export function playWork(
  work: GeneratedWork,
  seed: number,
  executions: number,
  policy: Partial<Policy> = {},
): readonly Played[] {
  const random = randomOf(seed)
  const pair = localPair({
    registry: strategies,
    policy: { risk: 0.5, strategies: [], min: {}, max: {}, ...policy },
    defaults: { memoryBytes: 8e9 },
    limits: { min: {}, max: {} },
    minExecutions: 1,
  })
  return Array.from({ length: executions }, (_, i) => {
    const input = work.input(i, random)
    const need = work.need(i, input, random)
    const ladder = oracleLadder(work, i, input)
    const first = run(pair, i, input, need)
    return { need, ...first, oracleWasted: wastedBy(need, ladder) }
  })
}

function run(pair: LocalPair, i: number, input: number, need: number): Omit<Played, 'need' | 'oracleWasted'> {
  const features = { input_bytes: input }
  const first = pair.estimate(queryOf(features, 1, undefined))
  let [estimate, wasted]: [Estimate, number] = [first, 0]
  for (let attempt = 1; ; attempt++) {
    const given = memoryOf(estimate)
    const killed = given < need
    const executionId = `${i}-${attempt}`
    pair.report(
      {
        executionId,
        task,
        attempt,
        features,
        labels: {},
        requested: {},
        allocated: { memoryBytes: given },
        estimateToken: new Uint8Array(0),
        weight: 1,
        used: { memoryBytes: Math.min(given, need), durationMs: runTimeMs },
        outcome: killed ? 'out-of-memory' : 'succeeded',
        source: 'external',
        endedAtUnixMs: 0,
      },
      i,
      estimate,
    )
    wasted += killed ? given : given - need
    if (!killed) break
    estimate = pair.estimate(queryOf(features, attempt + 1, given))
  }
  const { confidence, reason } = first
  return { wasted, sufficed: memoryOf(first) >= need, confidence, reason }
}

function wastedBy(need: number, ladder: (failed: number | undefined) => number): number {
  let given = ladder(undefined)
  let wasted = 0
  for (; given < need; given = ladder(given)) wasted += given
  return wasted + given - need
}

const memoryOf = ({ resources }: Estimate) => resources.memoryBytes as number

function queryOf(
  features: EstimateQuery['features'],
  attempt: number,
  failed: number | undefined,
): EstimateQuery {
  return {
    task,
    features,
    labels: {},
    requested: {},
    attempt,
    previousAllocation: failed === undefined ? {} : { memoryBytes: failed },
    previousOutcome: failed === undefined ? undefined : 'out-of-memory',
    policy: {},
  }
}

export const sumOf = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((sum, item) => sum + value(item), 0)
