import { freePort, noMetrics, type RunningService, startService } from '../../cli/pair.ts'
import { type Pair, startPair } from '../e2e/support.ts'

/** A real scheduler that foresize sizes tasks for: one file each, one line in index.ts. */
export interface Scheduler {
  readonly name: string
  /** What this machine lacks to run it; undefined where nothing. */
  notRun(): Promise<string | undefined>
  /**
   * Runs tasks whose need follows their input, through the integration as a user sets it up: first as requested, then
   * sized, then with foresize away. Throws where the integration breaks a promise of its own.
   */
  run(pair: PairWithGateway): Promise<SchedulerOutcome>
}

export interface SchedulerOutcome {
  /** As the scheduler itself prints it. */
  readonly version: string
  /** In the order in which they started. A retry is one more. */
  readonly attempts: readonly Attempt[]
}

/** One attempt at a task. */
export interface Attempt {
  /** learned: as its user requested it, and on record afterwards. sized: by foresize. away: while foresize was stopped. */
  readonly phase: 'learned' | 'sized' | 'away'
  readonly inputBytes: number
  /** The most it used, as measured. */
  readonly neededBytes: number
  /** By its user. */
  readonly requestedBytes: number
  /** By the scheduler, in the end. */
  readonly givenBytes: number
  readonly durationMs: number
  /** killed: for memory. failed: otherwise. */
  readonly ended: 'completed' | 'killed' | 'failed'
}

/** The pair, and the gateway before it. */
export interface PairWithGateway extends Pair {
  /** http://host:port */
  readonly gatewayUrl: string
  gateway(): RunningService
  startGateway(): Promise<void>
}

export async function startPairWithGateway(): Promise<PairWithGateway> {
  const pair = await startPair()
  const listen = `127.0.0.1:${await freePort()}`
  const flags = ['--profiler', pair.profilerAddress, '--estimator', pair.estimatorAddress, noMetrics]
  const start = () => startService({ service: 'gateway', listen, flags, onLog: () => {} })
  let gateway = await start()
  return {
    ...pair,
    gatewayUrl: `http://${listen}`,
    gateway: () => gateway,
    async startGateway() {
      gateway = await start()
    },
    async stop() {
      await gateway.stop()
      await pair.stop()
    },
  }
}

/** Stops all services, runs, and starts them again on what they had stored. */
export async function withForesizeAway<T>(
  pair: Pair & Partial<PairWithGateway>,
  run: () => Promise<T>,
): Promise<T> {
  await pair.gateway?.().stop()
  await pair.estimator().stop()
  await pair.profiler().stop()
  try {
    return await run()
  } finally {
    await pair.startProfiler()
    await pair.startEstimator()
    await pair.startGateway?.()
  }
}
