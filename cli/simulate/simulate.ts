import { type Command, type CommandInput, flag, UsageError } from '../command.ts'
import { defaultLimit, readTrace, type TraceRow } from '../evaluate/trace.ts'
import { formatList } from '../histories/formats.ts'
import { historyOptions, readHistorySettings } from '../histories/read-history.ts'
import { readBytes, readNumber, readWhole, readWord } from '../options.ts'
import { isPagePrinted, pageOption, writePage } from '../page.ts'
import { compare, type SimulationOptions } from './compare.ts'
import { type Cluster, defaultCluster, mostNodes } from './default-cluster.ts'
import type { Pictured } from './html.ts'
import { describe } from './report.ts'

export const simulate: Command = {
  summary: 'Runs your history on a simulated cluster, sized by users, by foresize and by an oracle.',
  usage: 'simulate FILE… [options]',
  details: `
First come first served, best fit. An execution given less memory than it needs is killed and runs again; foresize
starts without any history and learns as executions end. Formats, told by the beginning of a file or by --format
(docs/traces.md has the columns that are read):
${formatList}

What is not said of the cluster is drawn from the history, so that memory and not cores is what is short: requests want
twice its memory while executions arrive (or, all at once, fill it for eight times the longest run), four nodes or fewer
that each hold the largest execution, and cores for all that would run there given what it needs. Name the nodes of
your own cluster to see what foresize would change there.

  foresize simulate history.csv.gz --nodes 8 --node-memory 64GiB --node-cores 16 --html report.html
`,
  positionals: true,
  options: {
    nodes: { type: 'string', value: 'NUMBER', description: 'equal nodes (default: drawn from the history)' },
    'node-memory': {
      type: 'string',
      value: 'BYTES',
      description: 'memory of each (default: drawn from the history)',
    },
    'node-cores': {
      type: 'string',
      value: 'NUMBER',
      description: 'cores of each (default: drawn from the history)',
    },
    arrivals: {
      type: 'string',
      value: 'WHEN',
      description: 'trace: as submit_ms says; at-once: all at the start (default: trace where it has them)',
    },
    pressure: {
      type: 'string',
      value: 'RATIO',
      description: 'draw arrivals together or apart until what users request is so many times what there is',
    },
    ttf: {
      type: 'string',
      value: 'SHARE',
      description:
        'share of the run after which one that lacks memory is killed; 1 is the worst (default: as measured on real tasks)',
    },
    'size-cpu': { type: 'boolean', description: 'size cores too; given too few, a run takes longer' },
    risk: { type: 'string', value: 'NUMBER', description: '0 economical, 0.5 balanced (default), 1 safe' },
    'min-executions': {
      type: 'string',
      value: 'NUMBER',
      description: 'executions before foresize is followed (default 3)',
    },
    'confidence-threshold': {
      type: 'string',
      value: 'SHARE',
      description: 'confidence below which the request is given (default 0.5)',
    },
    'default-memory': {
      type: 'string',
      value: 'BYTES',
      description: 'request of a row that has none (default 4GiB)',
    },
    ...historyOptions,
    limit: {
      type: 'string',
      value: 'ROWS',
      description: `only the first rows of each file (default ${defaultLimit})`,
    },
    html: pageOption,
    json: { type: 'boolean', description: 'print one JSON object a file' },
  },

  async run(input) {
    if (input.positionals.length === 0) throw new UsageError('name at least one FILE')
    const limit = readWhole(input, 'limit')
    const settings = readHistorySettings(input)
    const isDrawn = Object.keys(givenCluster(input)).length < 3
    const pictured: Pictured[] = []
    for (const path of input.positionals) {
      const { name, rows, tally } = await readTrace(path, settings, limit)
      input.err(tally)
      const result = compare(name, rows, optionsOf(input, rows))
      if (flag(input, 'json')) input.out(`${JSON.stringify(result.simulation)}\n`)
      else if (!isPagePrinted(input)) input.out(`${describe(result.simulation, isDrawn, input.width)}\n`)
      pictured.push(result)
    }
    await writePage(input, async () => (await import('./html.ts')).htmlPage(pictured))
    return 0
  },
}

/** Attempts before a job is given up: doubled as often, any request has passed any node. */
const maxAttempts = 20

function optionsOf(input: CommandInput, rows: readonly TraceRow[]): SimulationOptions {
  const arrivals = arrivalsOf(input, rows)
  const defaultMemoryBytes = readBytes(input, 'default-memory', { least: 1 }) ?? 4 * 2 ** 30
  return {
    ...defaultCluster(rows, { arrivals, defaultMemoryBytes }, givenCluster(input)),
    arrivals,
    pressure: readNumber(input, 'pressure', { least: 0.01, most: 1000 }),
    timeToFailure: readNumber(input, 'ttf', { most: 1 }) ?? 'measured',
    maxAttempts,
    lookahead: 64,
    maxPassed: 100,
    sizesCpu: flag(input, 'size-cpu'),
    risk: readNumber(input, 'risk', { most: 1 }) ?? 0.5,
    minExecutions: readWhole(input, 'min-executions', { most: 100_000 }) ?? 3,
    confidenceThreshold: readNumber(input, 'confidence-threshold', { most: 1 }) ?? 0.5,
    defaultMemoryBytes,
  }
}

function givenCluster(input: CommandInput): Partial<Cluster> {
  const nodes = readWhole(input, 'nodes', { most: mostNodes })
  const nodeMemoryBytes = readBytes(input, 'node-memory', { least: 1 })
  const nodeCores = readNumber(input, 'node-cores', { least: 0.01 })
  return {
    ...(nodes === undefined ? {} : { nodes }),
    ...(nodeMemoryBytes === undefined ? {} : { nodeMemoryBytes }),
    ...(nodeCores === undefined ? {} : { nodeCores }),
  }
}

function arrivalsOf(input: CommandInput, rows: readonly TraceRow[]): 'trace' | 'at-once' {
  const known = rows.some(({ submitMs }) => submitMs !== undefined) ? 'trace' : 'at-once'
  return readWord(input, 'arrivals', ['trace', 'at-once']) ?? known
}
