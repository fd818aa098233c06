import { answerSettings, estimatorConfig } from '../../services/estimator/config.ts'
import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import { type LocalPair, localPair } from './local-pair.ts'
import type { Pair } from './pair.ts'
import { queryOf, recordOf } from './records.ts'

/** A pair that answers as the services do with their default settings. */
export const defaultPair = (defaultMemoryBytes: number): LocalPair =>
  localPair(answerSettings(estimatorConfig.parse({ defaultMemoryBytes }), strategies))

/** When everything is reported: a backtest has no calendar, and nothing learned in it fades. */
const nowUnixMs = 0

/** Times a pair in this process from outside. The clock enters the timings alone. */
export function timedPair(pair: LocalPair, monotonicMs: () => number = () => performance.now()): Pair {
  const estimateUs: number[] = []
  const updateUs: number[] = []
  return {
    timings: { estimateUs, updateUs },
    async estimate(queries) {
      return queries.map((query) => {
        const startMs = monotonicMs()
        const answer = pair.estimate(query)
        const tookUs = (monotonicMs() - startMs) * 1000
        if (answer.source === 'profile') estimateUs.push(tookUs)
        return answer
      })
    },
    confidence: async (query, resources) => pair.confidence(query, resources),
    async report(record) {
      pair.report(record, nowUnixMs)
      const startMs = monotonicMs()
      pair.learn(record.task)
      updateUs.push((monotonicMs() - startMs) * 1000)
    },
    async close() {},
  }
}

const warmUpExecutions = 1500
let isWarm = false

/**
 * Runs generated executions through a pair of its own, once in a process. Its first thousand calls run while they are being
 * compiled: in a short trace they, not the estimator, would be the 99th percentile.
 */
export function warmUp(): void {
  if (isWarm) return
  isWarm = true
  const pair = defaultPair(4e9)
  for (let i = 0; i < warmUpExecutions; i++) {
    const inputBytes = 1e6 * (1 + ((i * 7919) % 97))
    const row = {
      task: `task-${i % 3}`,
      completed: true,
      features: { input_bytes: inputBytes, threads: 1 + (i % 4) },
      labels: { tool: `tool-${i % 2}` },
      peakMemoryBytes: 1e8 + 3 * inputBytes * (1 + 0.1 * Math.sin(i)),
      durationMs: 1000 + inputBytes / 1e3,
      cpuCores: 1 + (i % 4),
    }
    pair.estimate(queryOf(row, {}, false))
    pair.report(recordOf(row, `warm-up-${i}`, false), nowUnixMs)
  }
}
