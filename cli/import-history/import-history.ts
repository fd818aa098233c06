import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { call } from '../../shared/rpc/client.ts'
import { fromExecutionRecord } from '../../shared/wire/execution.ts'
import { type Command, type CommandInput, flag, text, UsageError } from '../command.ts'
import { calling, connectionOptions, deadlineOf, profilerOf } from '../connection.ts'
import { readWhole, readWord } from '../options.ts'
import { createProgress } from '../progress.ts'
import { gnuTime } from './gnu-time.ts'
import { nextflow } from './nextflow.ts'
import { HistoryError, type HistoryFormat, type PastExecution } from './past-execution.ts'
import { sacct } from './sacct.ts'
import { traceCsv } from './trace-csv.ts'

/** Below the 4096 that a profile remembers, so that a second import is known even if the task has run meanwhile. */
const defaultMaxPerTask = 2000

/** Told apart in this order. */
const formats: Readonly<Record<string, HistoryFormat>> = {
  nextflow,
  sacct,
  'gnu-time': gnuTime,
  trace: traceCsv,
}

export const importHistory: Command = {
  summary: 'Reads the executions that other systems have logged, so that day one starts with what is known.',
  usage: 'import-history FILE… [options]',
  details: `
Formats, told by their beginning or by --format:
${Object.entries(formats)
  .map(([name, { description }]) => `  ${name.padEnd(10)}${description}`)
  .join('\n')}

A file may be gzipped; - is standard input. What was imported before is known again and counts nothing twice: a profile
remembers the latest 4096 executions it was given, so of each task only the latest are sent (--max-per-task).

  foresize import-history work/trace.txt
  sacct --parsable2 --starttime=now-30days --format=ALL | foresize import-history -
`,
  positionals: true,
  options: {
    format: { type: 'string', value: 'FORMAT', description: Object.keys(formats).join(', ') },
    task: { type: 'string', value: 'NAME', description: 'call every execution so, whatever the file says' },
    'task-prefix': { type: 'string', value: 'TEXT', description: 'put before the name of every task' },
    'max-per-task': {
      type: 'string',
      value: 'N',
      description: `the latest of each task that are sent (default ${defaultMaxPerTask})`,
    },
    'dry-run': { type: 'boolean', description: 'read and count, send nothing' },
    ...connectionOptions('profiler'),
  },

  async run(input) {
    if (input.positionals.length === 0)
      throw new UsageError('name at least one FILE, or - for standard input')
    const maxPerTask = readWhole(input, 'max-per-task') ?? defaultMaxPerTask
    const prefix = text(input, 'task-prefix') ?? ''
    const histories = input.positionals.map((path) => ({ path, ...read(input, path) }))
    const found = histories.flatMap(({ path, executions }) =>
      executions.map((execution) => ({
        ...execution,
        task: prefix + execution.task,
        place: `${path}:${execution.line}`,
      })),
    )
    // Oldest first: what was learned last counts most.
    found.sort((a, b) => a.endedAtUnixMs - b.endedAtUnixMs)
    const executions = latestOfEach(found, maxPerTask)
    const unreadable = histories.flatMap(({ path, errors }) =>
      errors.map(({ line, message }) => `${path}:${line}: ${message}`),
    )
    const sent = flag(input, 'dry-run') ? nothingSent : await send(input, executions)
    const result = {
      executions: found.length,
      tasks: new Set(found.map(({ task }) => task)).size,
      skipped: histories.reduce((sum, history) => sum + history.skipped, 0),
      older: found.length - executions.length,
      unreadable: unreadable.length,
      ...sent,
      reasons: [...unreadable, ...sent.reasons].slice(0, maxReasons),
    }
    if (flag(input, 'json')) input.out(`${JSON.stringify(result, null, 2)}\n`)
    else input.out(describe(result, flag(input, 'dry-run')))
    return result.refused + result.unreadable > 0 ? 1 : 0
  },
}

/** An execution and where it was found, `file:line`. */
type Found = PastExecution & { readonly place: string }

function latestOfEach(found: readonly Found[], most: number): readonly Found[] {
  const counts = new Map<string, number>()
  return found
    .toReversed()
    .filter(({ task }) => {
      const count = (counts.get(task) ?? 0) + 1
      counts.set(task, count)
      return count <= most
    })
    .reverse()
}

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

async function send(input: CommandInput, executions: readonly Found[]): Promise<Sent> {
  const namespace = text(input, 'namespace') ?? 'default'
  const client = profilerOf(input)
  const progress = createProgress(
    input.err,
    process.stderr.isTTY === true,
    () => process.stderr.columns ?? 80,
  )
  let sent = nothingSent
  try {
    for (let from = 0; from < executions.length; from += batchSize) {
      const batch = executions.slice(from, from + batchSize)
      const answer = await calling(input, 'profiler', () =>
        call(
          client.updateProfile.bind(client),
          { executions: batch.map((each) => recordOf(each, namespace)) },
          deadlineOf(input),
        ),
      )
      const reasons = answer.rejections.map(({ index, violations }) => {
        const why = violations.map(({ field, description }) => `${field} ${description}`).join('; ')
        return `${batch[index]?.place}: ${why}`
      })
      sent = {
        folded: sent.folded + answer.folded,
        repeated: sent.repeated + answer.repeatedExecutions,
        refused: sent.refused + answer.rejections.length,
        reasons: [...sent.reasons, ...reasons].slice(0, maxReasons),
      }
      if (process.stderr.isTTY) progress.update(`${from + batch.length} of ${executions.length} executions`)
    }
    return sent
  } finally {
    progress.end()
    client.close()
  }
}

function recordOf(execution: Found, namespace: string) {
  const { id, task, line: _line, place: _place, ...rest } = execution
  return fromExecutionRecord({
    ...rest,
    executionId: id,
    task: { namespace, task },
    estimateToken: new Uint8Array(),
    weight: 1,
    source: 'external',
  })
}

function read(input: CommandInput, path: string) {
  const name = readWord(input, 'format', Object.keys(formats))
  const bytes = readFileSync(path === '-' ? 0 : path)
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
  const content = (isGzip ? gunzipSync(bytes) : bytes).toString('utf8')
  const beginning = content.slice(0, 10_000)
  const format =
    name === undefined ? Object.values(formats).find(({ matches }) => matches(beginning)) : formats[name]
  if (format === undefined) throw new HistoryError(`${path}: of no known format; name it with --format`)
  try {
    return format.read(content, text(input, 'task'))
  } catch (error) {
    throw new HistoryError(`${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

interface Result extends Sent {
  readonly executions: number
  readonly tasks: number
  readonly skipped: number
  readonly older: number
  readonly unreadable: number
}

function describe(result: Result, dryRun: boolean): string {
  const { executions, tasks, skipped, older, unreadable, folded, repeated, refused, reasons } = result
  const some = (count: number, what: string) => (count === 0 ? '' : `, ${count} ${what}`)
  const found =
    `${executions} executions of ${tasks} tasks` +
    some(skipped, 'entries skipped') +
    some(unreadable, 'lines unreadable') +
    some(older, 'left out for later ones of their task')
  const lines = reasons.map((reason) => `  ${reason}\n`).join('')
  if (dryRun) return `Found ${found}. Nothing was sent.\n${lines}`
  return `Found ${found}: ${folded} learned from, ${repeated} known already, ${refused} refused.\n${lines}`
}
