import { randomUUID } from 'node:crypto'
import { constants } from 'node:os'
import { getSystemErrorMessage } from 'node:util'
import { resourceLimits } from '../shared/domain/resources.ts'
import { limits } from '../shared/wire/limits.ts'
import { runCommand } from '../workers/typescript/command.ts'
import { daemonClient } from '../workers/typescript/daemon-clients.ts'
import { refusalOf } from '../workers/typescript/find-command.ts'
import type { UsageSample } from '../workers/typescript/sampler.ts'
import { forwardSignals, raise } from '../workers/typescript/signals.ts'
import { inWords } from './cause.ts'
import {
  type Command,
  type CommandInput,
  flag,
  numberPairs,
  pairs,
  required,
  text,
  UsageError,
} from './command.ts'
import { serviceOptions } from './connection-options.ts'
import { noticeText } from './notice-text.ts'
import { readBytes, readDuration, readResourceOptions, readWhole, resourceOptions } from './options.ts'
import { formatResources, parseNumber } from './quantity.ts'
import { openReport } from './run-report.ts'
import { environmentOf, type RunTask, sizeRun, withOverhead } from './run-sizing.ts'
import { namespaceOf, taskOptions } from './task-options.ts'

export const run: Command = {
  summary: 'Runs a command, measures its whole process tree and reports it to the profiler.',
  usage: 'run --task NAME [options] -- COMMAND [ARGUMENT]…',
  details: `
The command's streams, signals and exit code are its own. Where the profiler cannot be reached, or refuses what is
reported, the command runs all the same, ends later by no more than --report-within, and one line on standard error says
so at the end.

  foresize run --task sort --feature input_bytes=$(stat -c %s big.txt) -- sort -o sorted.txt big.txt
`,
  positionals: true,
  options: {
    ...taskOptions,
    ...resourceOptions('that it is given'),
    overhead: {
      type: 'string',
      value: 'BYTES',
      description:
        'memory of what wraps it under the same limit: added to what is learned (default: what the estimator adds, with --size)',
    },
    size: {
      type: 'boolean',
      description:
        'ask the estimator first (at most 250 ms) and give it the answer, in $FORESIZE_MEMORY_BYTES and so on',
    },
    enforce: { type: 'boolean', description: 'stop it above the memory and the time that it is given' },
    attempt: { type: 'string', value: 'N', description: 'which attempt it is, from 1' },
    'execution-id': {
      type: 'string',
      value: 'ID',
      description: 'by which others can tell how it ended (default $FORESIZE_EXECUTION_ID, else random)',
    },
    'estimate-token': {
      type: 'string',
      value: 'TEXT',
      description:
        'of the estimate that it was sized by, base64, so that it is scored (default $FORESIZE_ESTIMATE_TOKEN)',
    },
    ...serviceOptions('profiler', 'estimator'),
    'sample-interval': {
      type: 'string',
      value: 'TIME',
      description: 'longest time between samples (default 1s)',
    },
    'report-within': { type: 'string', value: 'TIME', description: 'longest wait at the end (default 1s)' },
    spool: {
      type: 'string',
      value: 'FOLDER',
      description: 'keep there what cannot be sent; the next run sends it (default $FORESIZE_SPOOL)',
    },
    verbose: { type: 'boolean', short: 'v', description: 'say on standard error what was measured' },
  },

  async run(input) {
    const [command, ...args] = input.positionals
    const task = taskOf(input)
    const reportWithinMs = readDuration(input, 'report-within', { example: '2s' }) ?? 1000
    const intervalMs = readDuration(input, 'sample-interval', { example: '500ms' }) ?? 1000
    const givenOverheadBytes = readBytes(input, 'overhead', {
      example: '200MB',
      most: resourceLimits.memoryBytes,
    })
    const overheadBytes = givenOverheadBytes ?? 0
    const handedToken = tokenOf(input)
    if (command === undefined) throw new UsageError('there is no command; put it after --')

    // Asked for by name it is known to be what it is.
    if (input.env['FORESIZE_RUNNER'] !== 'node') {
      say(input, 'foresize-run is not built (make runner): Node waits beside the command, with about 60 MB')
    }
    const daemon = daemonClient(command, args)
    if (daemon !== undefined) {
      say(input, `${daemon} only asks a daemon to run it: what is measured is ${daemon}, not the work`)
    }
    const refused = refusalOf({ command })
    if (refused !== undefined) return refuse(input, command, refused)

    const sizing = flag(input, 'size') ? await sizeRun(input, task, givenOverheadBytes) : undefined
    const allocated = sizing?.allocated ?? task.explicit
    if (sizing?.problem !== undefined) say(input, `not sized: ${sizing.problem}`)
    for (const notice of sizing?.notices ?? []) say(input, `note: ${noticeText(notice, task.task)}`)
    const estimateToken = sizing?.estimateToken ?? handedToken
    const start = { ...task, allocated: withOverhead(allocated, -overheadBytes), estimateToken }
    const early: UsageSample[] = []
    let onSample = (sample: UsageSample): void => {
      early.push(sample)
    }
    // Before the command is there: a signal that came in between would end us and leave it running.
    const stopForwarding = forwardSignals({
      kill: (signal) => running.kill(signal),
      wasSent: (signal) => running.wasSent(signal),
    })
    const running = runCommand({
      command,
      args,
      intervalMs,
      onSample: (sample) => onSample(sample),
      ...(flag(input, 'enforce')
        ? { memoryLimitBytes: allocated.memoryBytes, timeLimitMs: allocated.durationMs }
        : {}),
      ...(sizing === undefined ? {} : { env: { ...process.env, ...environmentOf(allocated) } }),
    })

    // The command runs while gRPC is loaded: it does not wait for us.
    const reporting = openReport(input, start).then((report) => {
      for (const sample of early) report.sample(sample)
      onSample = report.sample
      return report
    })
    const result = await running.done
    const report = await reporting
    const problem = await report.finish(result, reportWithinMs)
    stopForwarding()
    if (problem !== undefined) say(input, problem)

    if (result.refused !== undefined) refuse(input, command, result.refused)
    if (flag(input, 'verbose')) {
      if (sizing !== undefined) {
        input.err(`foresize: ${task.task} was given ${formatResources(allocated)} (${sizing.explanation})\n`)
      }
      const measured = `${start.task} ${result.outcome}: ${formatResources(result.used)} (${result.source})`
      input.err(`foresize: ${measured}\n`)
    }
    return result.signal === undefined ? (result.exitCode ?? 1) : raise(result.signal)
  },
}

/** Says why the command was not executed. Returns the exit code that a shell would give. */
function refuse(input: CommandInput, command: string, reason: string): number {
  const number = Object.entries(constants.errno).find(([name]) => name === reason)?.[1]
  const message = number === undefined ? reason : getSystemErrorMessage(-number)
  say(input, `${command}: ${reason === 'ENOENT' ? 'command not found' : message}`)
  return reason === 'ENOENT' ? 127 : 126
}

/** One line, whatever gRPC or the system has put into it. */
function say(input: CommandInput, what: string): void {
  input.err(`foresize run: ${inWords(what).replaceAll(/\s+/g, ' ')}\n`)
}

/** Empty where none is handed over. */
function tokenOf(input: CommandInput): Uint8Array {
  const handed = text(input, 'estimate-token') ?? input.env['FORESIZE_ESTIMATE_TOKEN'] ?? ''
  const token = Buffer.from(handed, 'base64')
  if (token.toString('base64') !== handed) {
    throw new UsageError('--estimate-token: must be base64, as foresize estimate prints it')
  }
  return token
}

function taskOf(input: CommandInput): RunTask {
  return {
    task: required(input, 'task'),
    namespace: namespaceOf(input),
    executionId: text(input, 'execution-id') ?? input.env['FORESIZE_EXECUTION_ID'] ?? randomUUID(),
    attempt: readWhole(input, 'attempt', { most: limits.attempt }) ?? 1,
    features: numberPairs(input, 'feature', parseNumber),
    labels: pairs(input, 'label'),
    explicit: readResourceOptions(input),
  }
}
