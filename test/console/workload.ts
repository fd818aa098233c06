import { createWorker } from '../../workers/typescript/worker.ts'
import { randomOf } from '../support/random.ts'

/** Executions of tasks whose need follows their input, each sized by the pair before it is reported. */

export interface Work {
  readonly task: string
  readonly requestedBytes: number
  /** Of input, in bytes. */
  readonly smallest: number
  readonly largest: number
  readonly needBytes: (inputBytes: number) => number
  readonly msPerByte: number
}

export const works: readonly Work[] = [
  {
    task: 'align/bwa-mem',
    requestedBytes: 24e9,
    smallest: 2e9,
    largest: 20e9,
    needBytes: (x) => 5e9 + 0.45 * x,
    msPerByte: 9e-5,
  },
  {
    task: 'align/sort-bam',
    requestedBytes: 16e9,
    smallest: 1e9,
    largest: 12e9,
    needBytes: (x) => 7e8 + 0.8 * x,
    msPerByte: 6e-5,
  },
  {
    task: 'assemble/spades',
    requestedBytes: 64e9,
    smallest: 1e9,
    largest: 6e9,
    needBytes: (x) => 4e9 + 5.5 * x,
    msPerByte: 9e-4,
  },
  {
    task: 'call/variants',
    requestedBytes: 8e9,
    smallest: 5e8,
    largest: 9e9,
    needBytes: (x) => 1.4e9 + 0.3 * x,
    msPerByte: 3e-4,
  },
  {
    task: 'qc/fastqc',
    requestedBytes: 4e9,
    smallest: 1e8,
    largest: 8e9,
    needBytes: () => 6.2e8,
    msPerByte: 2e-5,
  },
  {
    task: 'render/thumbnail',
    requestedBytes: 1e9,
    smallest: 1e5,
    largest: 2e7,
    needBytes: (x) => 9e7 + 12 * x,
    msPerByte: 4e-4,
  },
  {
    task: 'report/multiqc',
    requestedBytes: 4e9,
    smallest: 1e6,
    largest: 6e7,
    needBytes: (x) => 3e8 + 9 * x,
    msPerByte: 8e-4,
  },
]

export type Call = (method: string, body: unknown) => Promise<Readonly<Record<string, unknown>>>

interface Answered {
  readonly results: readonly {
    readonly estimate?: {
      readonly resources?: { readonly memoryBytes?: number }
      readonly estimateToken?: string
    }
  }[]
}

/** Runs every work so many times through the pair behind `call`: asked, given, killed where it was too little, reported. */
export async function runWorks(call: Call, runs: number, namespace = 'default'): Promise<void> {
  const random = randomOf(7)
  const nowUnixMs = Date.now()
  for (let run = 0; run < runs; run++) {
    const drawn = works.map((work) => {
      const inputBytes = Math.round(work.smallest * (work.largest / work.smallest) ** random())
      const needBytes = work.needBytes(inputBytes) * (0.94 + 0.12 * random())
      return { work, inputBytes, needBytes, durationMs: 20_000 + inputBytes * work.msPerByte }
    })
    const queries = drawn.map(({ work, inputBytes }) => ({
      task: { namespace, task: work.task },
      features: { input_bytes: inputBytes },
      requested: { memory_bytes: work.requestedBytes },
    }))
    const { results } = (await call('EstimatorService/EstimateBatch', { queries })) as unknown as Answered
    const executions = drawn.map(({ work, inputBytes, needBytes, durationMs }, i) => {
      const estimate = results[i]?.estimate
      const givenBytes = estimate?.resources?.memoryBytes ?? work.requestedBytes
      const isKilled = needBytes > givenBytes
      return {
        execution_id: `${namespace}-${work.task}-${run}`,
        task: { namespace, task: work.task },
        features: { input_bytes: inputBytes },
        labels: { tool: work.task.split('/')[1] ?? '' },
        requested: { memory_bytes: work.requestedBytes },
        allocated: { memory_bytes: givenBytes },
        used: {
          memory_bytes: Math.min(needBytes, givenBytes),
          duration_ms: durationMs * (isKilled ? 0.4 : 1),
          cpu_cores: 1.8,
        },
        outcome: isKilled ? 'OUTCOME_OUT_OF_MEMORY' : 'OUTCOME_SUCCEEDED',
        estimate_token: estimate?.estimateToken ?? '',
        ended_at_unix_ms: nowUnixMs - (runs - run) * 1_800_000,
      }
    })
    await call('ProfilerService/UpdateProfile', { executions })
  }
}

/** Commands that are under way until the worker is closed, their memory measured. */
export function startRuns(profiler: string): { stop(): Promise<void> } {
  const worker = createWorker({ target: profiler, client: 'test' })
  const given = { 'align/bwa-mem': 220e6, 'call/variants': 64e6, 'qc/fastqc': 500e6 }
  const runs = Object.entries(given).map(([task, memoryBytes]) =>
    worker.run({
      task,
      features: { input_bytes: 1e9 },
      allocated: { memoryBytes },
      command: process.execPath,
      args: ['-e', 'setTimeout(() => {}, 600_000)'],
      stdio: 'ignore',
    }),
  )
  return {
    async stop() {
      for (const run of runs) run.kill('SIGKILL')
      await Promise.allSettled(runs.map(({ done }) => done))
      await worker.close()
    },
  }
}
