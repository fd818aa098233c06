/** What one short run of a load did. */
export interface Run {
  /** Of the benchmark's unit: estimates, executions, samples. */
  readonly operations: number
  readonly seconds: number
  /** CPU time of the server process meanwhile, user and system. */
  readonly serverCpuSeconds: number
}

/** One line of the report: foresize against the bare echo server, under the same load. */
export interface Comparison {
  readonly name: string
  /** What is counted. */
  readonly unit: string
  readonly rounds: readonly Round[]
}

export interface Round {
  readonly echo: Run
  readonly foresize: Run
}

export interface BenchOptions {
  readonly rounds: number
  readonly runMs: number
}

/** A benchmark file: what `bench/main.ts` registers. */
export interface Bench {
  readonly summary: string
  run(options: BenchOptions): Promise<readonly Comparison[]>
}

/**
 * Short runs in turn, echo, foresize, echo, foresize…, so that whatever else the machine does falls on both alike. The
 * first round warms up and is not counted.
 */
export async function alternate(
  name: string,
  unit: string,
  { rounds }: BenchOptions,
  runEcho: () => Promise<Run>,
  runForesize: () => Promise<Run>,
): Promise<Comparison> {
  const all: Round[] = []
  for (let i = 0; i <= rounds; i++) all.push({ echo: await runEcho(), foresize: await runForesize() })
  return { name, unit, rounds: all.slice(1) }
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Rate of foresize over that of the echo server, round by round: 1 is as fast. */
export const rateRatio = ({ rounds }: Comparison): Spread =>
  spread(rounds.map(({ echo, foresize }) => rate(foresize) / rate(echo)))

/** Server CPU time an operation, foresize over the echo server, round by round: 1 is as cheap. */
export const cpuRatio = ({ rounds }: Comparison): Spread =>
  spread(rounds.map(({ echo, foresize }) => cpu(foresize) / cpu(echo)))

export const rate = ({ operations, seconds }: Run) => operations / seconds
const cpu = ({ operations, serverCpuSeconds }: Run) => serverCpuSeconds / operations

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low, high] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]]
  return {
    median: ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  }
}
