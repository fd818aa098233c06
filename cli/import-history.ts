import { counted } from '../shared/domain/quantity-text.ts'
import { call } from '../shared/rpc/client.ts'
import { fromExecutionRecord } from '../shared/wire/execution.ts'
import { type Command, type CommandInput, flag, text, UsageError } from './command.ts'
import { calling, deadlineOf, profilerOf } from './connection.ts'
import { connectionOptions } from './connection-options.ts'
import { formatList } from './histories/formats.ts'
import type { PastExecution } from './histories/history.ts'
import { latestOfEach } from './histories/latest.ts'
import {
  describeTally,
  type HistoryTally,
  historyOptions,
  readHistory,
  readHistorySettings,
} from './histories/read-history.ts'
import { readWhole } from './options.ts'
import { createProgress } from './progress.ts'
import { namespaceOf } from './task-options.ts'

/** Below the 4096 that a profile remembers, so that a second import is known even if the task has run meanwhile. */
const defaultMaxPerTask = 2000
/** About a kilobyte each while they are sorted. */
const defaultMaxExecutions = 100_000

export const importHistory: Command = {
  summary: 'Reads the executions that other systems have logged, so that day one starts with what is known.',
  usage: 'import-history FILE… [options]',
  details: `
Formats, told by the beginning of a file or by --format (docs/traces.md has the columns that are read):
${formatList}

A file may be gzipped and of any size; - is standard input. What cannot be read is named by file and line, and the rest
is taken. What was imported before is known again and counts nothing twice: a profile remembers the latest 4096
executions it was given, so of each task only the latest are sent (--max-per-task).

  foresize import-history work/trace.txt
  sacct --parsable2 --starttime=now-30days --format=ALL | foresize import-history -
  foresize import-history accounting/* --rename '_[0-9]+$='
`,
  positionals: true,
  options: {
    ...historyOptions,
    'task-prefix': { type: 'string', value: 'TEXT', description: 'put before the name of every task' },
    'max-per-task': {
      type: 'string',
      value: 'N',
      description: `the latest of each task that are sent (default ${defaultMaxPerTask})`,
    },
    'max-executions': {
      type: 'string',
      value: 'N',
      description: `of all tasks together; where there are more, fewer of each (default ${defaultMaxExecutions})`,
    },
    'dry-run': { type: 'boolean', description: 'read and count, send nothing' },
    ...connectionOptions('profiler'),
  },

  async run(input) {
    if (input.positionals.length === 0)
      throw new UsageError('name at least one FILE, or - for standard input')
    const settings = readHistorySettings(input)
    const prefix = text(input, 'task-prefix') ?? ''
    const latest = latestOfEach<Found>({
      perTask: readWhole(input, 'max-per-task') ?? defaultMaxPerTask,
      total: readWhole(input, 'max-executions') ?? defaultMaxExecutions,
    })
    const files: HistoryTally[] = []
    for (const path of input.positionals) {
      const tally = await readHistory(path, settings, (execution) => {
        latest.add({ ...execution, task: prefix + execution.task, path })
        return true
      })
      files.push(tally)
    }
    const { kept, left, tasks, oldestFirst } = await latest.settle()
    const isDry = flag(input, 'dry-run')
    const sent = isDry ? nothingSent : await send(input, oldestFirst(), kept)
    const sum = (of: (tally: HistoryTally) => number) => files.reduce((total, tally) => total + of(tally), 0)
    const result: Result = {
      executions: sum((tally) => tally.executions),
      tasks,
      skipped: sum(({ skipped }) => skipped),
      older: left,
      unreadable: sum(({ unreadable }) => unreadable),
      files,
      ...sent,
    }
    if (flag(input, 'json')) input.out(`${JSON.stringify(result, null, 2)}\n`)
    else input.out(describe(result, isDry))
    return result.refused + result.unreadable > 0 ? 1 : 0
  },
}

/** An execution and the file in which it was found. */
type Found = PastExecution & { readonly path: string }

interface Sent {
  readonly folded: number
  readonly repeated: number
  readonly refused: number
  /** Of the refused, the first few. */
  readonly reasons: readonly string[]
}

const nothingSent: Sent = { folded: 0, repeated: 0, refused: 0, reasons: [] }

/** Executions of one call: with labels and features of the largest size it stays below what a server takes. */
const batchSize = 200
const maxReasons = 10

async function send(input: CommandInput, executions: Iterable<Found>, count: number): Promise<Sent> {
  const namespace = namespaceOf(input)
  const client = profilerOf(input)
  const progress = createProgress(
    input.err,
    process.stderr.isTTY === true,
    () => process.stderr.columns ?? 80,
  )
  let sent = nothingSent
  let done = 0
  try {
    for (const batch of batchesOf(executions)) {
      const answer = await calling(input, 'profiler', () =>
        call(
          client.updateProfile.bind(client),
          { executions: batch.map((each) => recordOf(each, namespace)) },
          deadlineOf(input),
        ),
      )
      const reasons = answer.rejections.map(({ index, violations }) => {
        const why = violations.map(({ field, description }) => `${field} ${description}`).join('; ')
        return `${batch[index]?.path}:${batch[index]?.line}: ${why}`
      })
      sent = {
        folded: sent.folded + answer.folded,
        repeated: sent.repeated + answer.repeatedExecutions,
        refused: sent.refused + answer.rejections.length,
        reasons: [...sent.reasons, ...reasons].slice(0, maxReasons),
      }
      done += batch.length
      if (process.stderr.isTTY) progress.update(`${done} of ${count} executions`)
    }
    return sent
  } finally {
    progress.end()
    client.close()
  }
}

function* batchesOf(executions: Iterable<Found>): Generator<readonly Found[]> {
  let batch: Found[] = []
  for (const execution of executions) {
    batch.push(execution)
    if (batch.length < batchSize) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

function recordOf(execution: Found, namespace: string) {
  const { id, task, line: _line, path: _path, startedAtMs: _start, endedAtUnixMs = 0, ...rest } = execution
  return fromExecutionRecord({
    ...rest,
    endedAtUnixMs,
    executionId: id,
    task: { namespace, task },
    estimateToken: new Uint8Array(),
    weight: 1,
    source: 'external',
  })
}

interface Result extends Sent {
  readonly executions: number
  readonly tasks: number
  readonly skipped: number
  readonly older: number
  readonly unreadable: number
  readonly files: readonly HistoryTally[]
}

function describe(result: Result, isDry: boolean): string {
  const { executions, tasks, older, folded, repeated, refused, reasons, files } = result
  const left = older === 0 ? '' : `, ${older} left out for later ones of their task`
  const found = `${counted(executions, 'execution')} of ${counted(tasks, 'task')}${left}`
  const outcome = isDry
    ? `Found ${found}. Nothing was sent.\n`
    : `Found ${found}: ${folded} learned from, ${repeated} known already, ${refused} refused.\n`
  return `${files.map(describeTally).join('')}${outcome}${reasons.map((reason) => `  ${reason}\n`).join('')}`
}
