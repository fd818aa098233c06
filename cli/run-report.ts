import type { Resources } from '../shared/domain/resources.ts'
import type { CommandResult } from '../workers/typescript/command.ts'
import type { UsageSample } from '../workers/typescript/sampler.ts'
import type { WorkerProblem } from '../workers/typescript/worker.ts'
import { type CommandInput, text } from './command.ts'
import type { RunTask } from './run-sizing.ts'

/** A run as it begins. */
export interface RunStart extends RunTask {
  readonly allocated: Resources
  readonly estimateToken: Uint8Array
}

/** What the profiler is told of a run. */
export interface RunReport {
  sample(sample: UsageSample): void
  /** Resolves to what a person is to know of the report, undefined where all is well. */
  finish(result: CommandResult, withinMs: number): Promise<string | undefined>
}

/** Connections lost in a row before the end no longer waits for another. */
const maxDisconnects = 1

/** One that only knows why, where the worker cannot be set up: for a certificate that cannot be read, for example. */
export async function openReport(input: CommandInput, start: RunStart): Promise<RunReport> {
  try {
    const { createWorker } = await import('../workers/typescript/worker.ts')
    const { settingsOf } = await import('./connection.ts')
    const spoolFolder = text(input, 'spool') ?? input.env['FORESIZE_SPOOL']
    const settings = settingsOf(input, 'profiler')
    const faults = reportFaults(start.executionId, spoolFolder)
    let disconnects = 0
    let giveUp = () => {}
    const worker = createWorker({
      ...settings,
      client: 'foresize run',
      ...(spoolFolder === undefined ? {} : { spoolFolder }),
      onProblem(problem) {
        faults.note(problem)
        if (problem.kind === 'disconnected' && ++disconnects > maxDisconnects) giveUp()
      },
    })
    const execution = worker.startExecution(start)
    return {
      sample(sample) {
        // The profiler renews connections while a long command runs: those that held do not count.
        if (worker.statistics().state === 'open') disconnects = 0
        execution.sample(sample)
      },
      async finish(result, withinMs) {
        execution.end(result.outcome, result.used, result.source)
        // One attempt more, whatever came before: the profiler may be back by now.
        disconnects = Math.min(disconnects, maxDisconnects)
        const isGivenUp = new Promise<boolean>((resolve) => {
          giveUp = () => resolve(false)
        })
        const isStored = await Promise.race([worker.flush(withinMs), isGivenUp])
        await worker.close(0)
        return faults.told(isStored, settings.target)
      },
    }
  } catch (error) {
    const fault = `not reported: ${messageOf(error)}`
    return { sample() {}, finish: async () => fault }
  }
}

/** Gathers what goes wrong with the report of one execution, and sums it up in one sentence. */
function reportFaults(executionId: string, spoolFolder: string | undefined) {
  let connection: string | undefined
  let refusal: string | undefined
  let spool: string | undefined
  return {
    note(problem: WorkerProblem): void {
      if (problem.kind === 'rejected') {
        const why = problem.violations.map(({ field, description }) => `${field} ${description}`).join('; ')
        // What earlier runs have left in the spool may be refused too.
        if (problem.executionId === executionId) refusal ??= `refused by the profiler: ${why}`
        else spool ??= `${problem.executionId}, kept in ${spoolFolder}, was refused: ${why}`
      } else if (problem.kind === 'disconnected') connection = problem.error.message
      else if (problem.kind === 'spool')
        spool ??= `nothing can be kept in ${spoolFolder}: ${messageOf(problem.error)}`
      else refusal ??= `not recorded: the spool ${spoolFolder} is full`
    },
    told(isStored: boolean, target: string): string | undefined {
      if (refusal !== undefined) return refusal
      if (isStored) return spool
      const isKept = spoolFolder !== undefined && spool === undefined
      const unsent = isKept ? `kept in ${spoolFolder} for the next run to report` : 'not reported'
      const why = `the profiler at ${target}: ${connection ?? 'no answer in time'}`
      return [unsent, ...(spool === undefined ? [] : [spool]), why].join('; ')
    },
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
