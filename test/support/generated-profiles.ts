import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import { type ExecutionRecord, outcomes } from '../../shared/domain/execution.ts'
import type { Profile } from '../../shared/domain/profile.ts'
import { normal } from './generated-work.ts'
import { execution, profileOf } from './histories.ts'
import { queryOf } from './queries.ts'
import { randomOf } from './random.ts'

/** How a need follows from the inputs of one execution. */
const laws: readonly ((i: number, size: number, threads: number, genome: string) => number)[] = [
  () => 1.5e9,
  (_i, size) => 1e8 + 3 * size,
  (_i, size, threads) => 2e5 * Math.sqrt(size) * threads,
  (_i, size, _threads, genome) => (genome === 'human' ? 8 : 1) * (5e8 + size),
  (i) => (i % 3 === 0 ? 4e9 : 1e9),
  (i, size) => 2 ** (i / 40) * (2e8 + size / 10),
]

const genomes = ['human', 'mouse', 'yeast'] as const

/**
 * A task's history, the same for the same seed: one to 150 executions under one of the laws with noise, every kind of
 * outcome, features and labels that are sometimes missing, requests, retries.
 */
export function generatedHistory(seed: number): readonly ExecutionRecord[] {
  const random = randomOf(seed)
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const law = laws[seed % laws.length] as (typeof laws)[number]
  const spread = pick([0, 0.02, 0.2])
  const sometimes = pick([0, 0.1])
  return Array.from({ length: 1 + Math.floor(random() ** 2 * 150) }, (_, i) => {
    const [size, threads, genome] = [10 ** (6 + 3 * random()), 1 + Math.floor(8 * random()), pick(genomes)]
    const memoryBytes = law(i, size, threads, genome) * Math.exp(spread * normal(random))
    const failed = random() < sometimes
    const requested = random() < 0.5 ? { memoryBytes: 4 * memoryBytes } : {}
    const allocated = { memoryBytes: (failed ? 0.6 : 1.4) * memoryBytes, durationMs: 3_600_000 }
    return execution(`generated-${i}`, {
      attempt: random() < 0.1 ? 2 : 1,
      features: random() < sometimes ? {} : { input_bytes: size, threads },
      labels: random() < sometimes ? { tool: 'x' } : { genome, tool: 'x' },
      requested,
      allocated,
      outcome: failed ? pick(outcomes) : 'succeeded',
      used: {
        memoryBytes: failed ? 0.6 * memoryBytes : memoryBytes,
        cpuCores: threads * (0.5 + 0.5 * random()),
        ...(random() < sometimes
          ? {}
          : { durationMs: (1000 + size / 1e4) * Math.exp(spread * normal(random)) }),
        ...(seed % 5 === 0 ? { diskBytes: 2 * size } : {}),
      },
    })
  })
}

/** What is asked of such a task: inside and beyond what was seen, at every risk, retries, bounds, some strategies only. */
export function generatedQueries(seed: number): readonly EstimateQuery[] {
  const random = randomOf(seed)
  const size = () => 10 ** (5 + 5 * random())
  const features = () => ({ input_bytes: size(), threads: 1 + Math.floor(8 * random()) })
  const labels = { genome: 'human', tool: 'x' }
  return [
    queryOf(),
    queryOf({ features: features(), labels }),
    queryOf({ features: features(), policy: { risk: random() } }),
    queryOf({ features: features(), labels, policy: { targetCoverage: 0.5 + 0.49 * random() } }),
    queryOf({ features: { input_bytes: size(), other: 3 }, requested: { memoryBytes: 2e9, diskBytes: 1e9 } }),
    queryOf({
      features: features(),
      labels,
      attempt: 2,
      previousOutcome: 'out-of-memory',
      previousAllocation: { memoryBytes: 10 ** (7 + 3 * random()) },
    }),
    queryOf({ features: features(), policy: { max: { memoryBytes: 1e9 }, min: { cpuCores: 3 } } }),
    queryOf({ labels, policy: { strategies: ['ridge', 'max-seen'] }, requested: { memoryBytes: 3e9 } }),
  ]
}

/** The profile of a generated history, some of whose executions are still under way. */
export function generatedProfile(seed: number): Profile {
  const history = generatedHistory(seed)
  const { features, labels, requested, allocated } = history[0] as ExecutionRecord
  const start = { attempt: 1, features, labels, requested, allocated }
  const running = [3e8, 9e9].map((memoryBytes, i) => ({
    ...start,
    executionId: `running-${i}`,
    peak: { memoryBytes },
  }))
  return { ...profileOf(history), running: seed % 4 === 0 ? running : [] }
}
