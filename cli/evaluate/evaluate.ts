import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import { type Command, type CommandInput, flag, text, UsageError } from '../command.ts'
import { calling, deadlineOf, estimatorOf, profilerOf } from '../connection.ts'
import { connectionOptions } from '../connection-options.ts'
import { formatList } from '../histories/formats.ts'
import { historyOptions, readHistorySettings } from '../histories/read-history.ts'
import { readBytes, readNumber, readWhole, readWord } from '../options.ts'
import { isPagePrinted, pageOption, writePage } from '../page.ts'
import { createProgress, type Progress } from '../progress.ts'
import { type Backtest, type BacktestOptions, backtest } from './backtest.ts'
import { headlineOf } from './headline.ts'
import { jump, scoreByDistance, splitBySize } from './jump.ts'
import type { Pair } from './pair.ts'
import { describeTrace } from './report-table.ts'
import { shuffled } from './shuffle.ts'
import { defaultPair, timedPair, warmUp } from './timed-pair.ts'
import { defaultLimit, readTrace, type Trace, type TraceRow } from './trace.ts'
import { wirePair } from './wire-pair.ts'

export const evaluate: Command = {
  summary: 'Plays your own history and says what foresize would have saved.',
  usage: 'evaluate FILE… [options]',
  details: `
Every execution is sized before it is known, then learned from, beside the usual ways to size. The last line says what
would have been saved and what would have been killed. What cannot be read is named by file and line, and the rest is
played. Formats, told by the beginning of a file or by --format (docs/traces.md has the columns that are read):
${formatList}

  foresize evaluate trace.txt sacct.txt --html report.html
`,
  positionals: true,
  options: {
    feedback: {
      type: 'string',
      value: 'WHEN',
      description: 'a need is known: immediate (default), or at completion as submit_ms and duration_ms say',
    },
    ttf: {
      type: 'string',
      value: 'SHARE',
      description: 'share of the run after which one that lacks memory fails (default 1)',
    },
    'cap-bytes': { type: 'string', value: 'BYTES', description: 'nothing larger is given (default 10 TB)' },
    'cold-start': {
      type: 'string',
      value: 'WHAT',
      description: 'a task without history gets: its request (default), or the default',
    },
    'default-bytes': { type: 'string', value: 'BYTES', description: 'that default (default 4 GB)' },
    ...historyOptions,
    risk: { type: 'string', value: 'NUMBER', description: '0 economical, 0.5 balanced (default), 1 safe' },
    limit: {
      type: 'string',
      value: 'ROWS',
      description: `only the first rows of each file (default ${defaultLimit})`,
    },
    seed: {
      type: 'string',
      value: 'NUMBER',
      description: "a random order drawn from it, instead of the file's",
    },
    jump: {
      type: 'boolean',
      description: 'also learn the smaller half of each task by input_bytes, and ask for the larger',
    },
    html: pageOption,
    via: {
      type: 'string',
      value: 'ADDRESS',
      description: 'drive a running pair: this estimator and --profiler, over gRPC',
    },
    ...connectionOptions('profiler'),
  },

  async run(input) {
    if (input.positionals.length === 0) throw new UsageError('name at least one FILE')
    const options = readOptions(input)
    const seed = readNumber(input, 'seed', { most: 2 ** 32 })
    if (seed !== undefined && options.feedback === 'completion') {
      throw new UsageError('--seed reorders what --feedback completion needs in order')
    }
    if (flag(input, 'jump') && text(input, 'via') !== undefined) {
      throw new UsageError('--jump learns anew: it cannot be had with --via')
    }
    const limit = readWhole(input, 'limit')
    const settings = readHistorySettings(input)
    const progress = createProgress(
      input.err,
      process.stderr.isTTY === true,
      () => process.stderr.columns ?? 80,
    )
    const done: Backtest[] = []
    try {
      for (const path of input.positionals) {
        const file = await readTrace(path, settings, limit)
        input.err(file.tally)
        check(file, options)
        const rows = seed === undefined ? file.rows : shuffled(file.rows, seed)
        if (text(input, 'via') === undefined) warmUp()
        const played = await play(input, { ...file, rows }, options, progress)
        const result = flag(input, 'jump') ? await withJump(played, file.rows, options) : played
        progress.end()
        if (flag(input, 'json')) input.out(`${JSON.stringify(result.score)}\n`)
        else if (!isPagePrinted(input)) input.out(`${describeTrace(result.score, input.width)}\n`)
        done.push(result)
      }
    } finally {
      progress.end()
    }
    const headline = headlineOf(done)
    if (!flag(input, 'json') && !isPagePrinted(input)) input.out(`${headline}\n`)
    await writePage(input, async () => (await import('./html.ts')).htmlReport(done, headline))
    return 0
  },
}

function readOptions(input: CommandInput): BacktestOptions {
  return {
    feedback: readWord(input, 'feedback', ['immediate', 'completion']) ?? 'immediate',
    timeToFailure: readNumber(input, 'ttf', { most: 1 }) ?? 1,
    capBytes: readBytes(input, 'cap-bytes', { least: 1 }) ?? 1e13,
    coldStart: readWord(input, 'cold-start', ['request', 'default']) ?? 'request',
    defaultBytes: readBytes(input, 'default-bytes', { least: 1 }) ?? 4e9,
    risk: readNumber(input, 'risk', { most: 1 }) ?? 0.5,
    strategies: Object.keys(strategies),
    probe: text(input, 'html') !== undefined,
  }
}

function check({ name, rows }: Trace, { feedback }: BacktestOptions): void {
  if (feedback === 'immediate') return
  const untimed = rows.findIndex(({ completed, submitMs }) => completed && submitMs === undefined)
  if (untimed >= 0) {
    throw new UsageError(`--feedback completion needs submit_ms, and ${name} has none in row ${untimed + 1}`)
  }
}

async function play(
  input: CommandInput,
  { name, rows }: Trace,
  options: BacktestOptions,
  progress: Progress,
): Promise<Backtest> {
  const onRow = (done: number) => {
    if (done % 50 === 0 || done === rows.length) progress.update(bar(name, done, rows.length))
  }
  if (text(input, 'via') === undefined) {
    return backtest(name, rows, timedPair(defaultPair(options.defaultBytes)), options, onRow)
  }
  const profiler = profilerOf(input)
  const estimator = estimatorOf(viaEstimator(input))
  try {
    const pair = wirePair(profiler, estimator, { deadlineMs: deadlineOf(input), catchUpMs: 30_000 })
    return await calling(input, 'profiler', () =>
      closing(pair, (open) => backtest(name, rows, open, options, onRow)),
    )
  } finally {
    profiler.close()
    estimator.close()
  }
}

/** Learns and asks in a pair of its own: what was played before is not known there. */
async function withJump(
  result: Backtest,
  rows: readonly TraceRow[],
  { defaultBytes }: BacktestOptions,
): Promise<Backtest> {
  const pair = timedPair(defaultPair(defaultBytes))
  const jumps = await jump(splitBySize(rows, 'input_bytes'), 'input_bytes', pair)
  return { ...result, score: { ...result.score, jump: scoreByDistance(jumps) } }
}

/** `--via` names the estimator: the other commands call that option `--estimator`. */
function viaEstimator(input: CommandInput): CommandInput {
  return { ...input, values: { ...input.values, estimator: input.values['via'] } }
}

async function closing<T>(pair: Pair, use: (pair: Pair) => Promise<T>): Promise<T> {
  try {
    return await use(pair)
  } finally {
    await pair.close()
  }
}

function bar(name: string, done: number, all: number): string {
  const width = 24
  const full = all === 0 ? width : Math.round((width * done) / all)
  return `${name} ${'█'.repeat(full)}${'░'.repeat(width - full)} ${done} of ${all}`
}
