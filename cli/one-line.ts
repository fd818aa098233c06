import { defaultLearningConfig, settingsFor } from '../services/scheduler/domain/learning-config.ts'
import { size } from '../services/scheduler/domain/sizing.ts'
import type { EstimateQuery } from '../shared/domain/estimate.ts'
import type { Dimension, Resources } from '../shared/domain/resources.ts'
import type { ReceivedEstimate } from '../shared/wire/estimate.ts'
import { type CommandInput, type CommandOption, text, UsageError } from './command.ts'
import { type Notation, type NotationName, notationNames, notations } from './notation.ts'
import { noticeText } from './notice-text.ts'
import { readWord } from './options.ts'

/** Options of an answer that a script takes as it is. */
export const oneLineOptions: Readonly<Record<string, CommandOption>> = {
  format: {
    type: 'string',
    value: 'NOTATION',
    description: `print one line as the scheduler writes it: ${notationNames.join(', ')} (default bytes)`,
  },
  print: {
    type: 'string',
    value: 'WHAT',
    description: 'what it says, a comma between: memory (default), cpu, time, disk, gpu-memory, token',
  },
  or: {
    type: 'string',
    value: 'AMOUNT',
    description: 'what to print where there is no answer or too little behind it; a comma between several',
  },
}

const dimensionOf: Readonly<Record<string, Dimension>> = {
  memory: 'memoryBytes',
  cpu: 'cpuCores',
  time: 'durationMs',
  disk: 'diskBytes',
  'gpu-memory': 'gpuMemoryBytes',
}

/** What a script wants to be told. */
export interface OneLine {
  /** In the dimensions of `--or`: what is requested where nothing is known. Undefined without `--or`. */
  readonly fallback: Resources | undefined
  /** Throws: Error where there is neither an answer nor a fallback. */
  line(query: EstimateQuery | undefined, answer: Answered): Line
}

interface Line {
  readonly text: string
  /** For a person, beside it. */
  readonly remarks: readonly string[]
}

/** Undefined where none of the options is given. Throws: UsageError. */
export function readOneLine(input: CommandInput): OneLine | undefined {
  const [format, printed, or] = ['format', 'print', 'or'].map((name) => text(input, name))
  if (format === undefined && printed === undefined && or === undefined) return undefined
  const notation = notations[readWord<NotationName>(input, 'format', notationNames) ?? 'bytes']
  const words = (printed ?? 'memory').split(',')
  const unknown = words.find((word) => word !== 'token' && !Object.hasOwn(dimensionOf, word))
  if (unknown !== undefined) {
    throw new UsageError(`--print ${unknown}: must be of ${Object.keys(dimensionOf).join(', ')}, token`)
  }
  const written = or === undefined ? undefined : readFallback(or, words, notation)
  const fallback = written === undefined ? undefined : Object.fromEntries(written.amounts)
  return {
    fallback,
    line(query, answer) {
      const { resources, remarks } =
        fallback === undefined ? answered(answer, query) : decided(answer, query, fallback)
      const token = 'unavailable' in answer ? '' : Buffer.from(answer.estimateToken).toString('base64')
      const parts = words.map((word) => {
        const dimension = dimensionOf[word]
        if (dimension === undefined) return token
        const amount = resources[dimension]
        if (amount === undefined) throw new Error(`nothing is known of its ${word}; --or says what to print`)
        const asWritten = amount === fallback?.[dimension] ? written?.texts.get(dimension) : undefined
        return asWritten ?? notation.format(dimension, amount)
      })
      return { text: parts.join(' ').trimEnd(), remarks }
    },
  }
}

/** Amounts of `--or`, and how they are written where the scheduler takes that. */
function readFallback(or: string, words: readonly string[], notation: Notation) {
  const dimensions = words.flatMap((word) => dimensionOf[word] ?? [])
  const texts = or.split(',').map((each) => each.trim())
  if (texts.length !== dimensions.length) {
    throw new UsageError(`--or ${or}: must have ${dimensions.length} amounts, as --print names them`)
  }
  const amounts = dimensions.map((dimension, i) => {
    const amount = notation.parse(dimension, texts[i] ?? '')
    if (amount === undefined || amount <= 0) {
      throw new UsageError(`--or ${texts[i]}: must be an amount above 0 that the format takes`)
    }
    return [dimension, amount] as const
  })
  const asWritten = notation.isPlain
    ? []
    : dimensions.map((dimension, i) => [dimension, texts[i] ?? ''] as const)
  return { amounts, texts: new Map(asWritten) }
}

interface Decision {
  readonly resources: Resources
  readonly remarks: readonly string[]
}

type Answered = ReceivedEstimate | { readonly unavailable: string }

function answered(answer: Answered, query: EstimateQuery | undefined): Decision {
  if ('unavailable' in answer) throw new Error(answer.unavailable)
  return { resources: answer.resources, remarks: notesOf(answer, query) }
}

/** As every scheduler of ours decides: what was learned if enough stands behind it, else the fallback. */
function decided(answer: Answered, query: EstimateQuery | undefined, fallback: Resources): Decision {
  const { allocated, reason, explanation } = size({
    explicit: {},
    requested: { ...fallback, ...query?.requested },
    defaults: fallback,
    previousAllocation: query?.previousAllocation ?? {},
    previousOutcome: query?.previousOutcome,
    settings: settingsFor(defaultLearningConfig, query?.task ?? { namespace: '', task: '' }),
    answer,
  })
  if ('unavailable' in answer) return { resources: allocated, remarks: [answer.unavailable] }
  const isLearned = reason === 'learned' || reason === 'escalated'
  const why = isLearned ? [] : [`${reason}: ${explanation}`]
  return { resources: allocated, remarks: [...why, ...notesOf(answer, query)] }
}

const notesOf = ({ notices }: ReceivedEstimate, query: EstimateQuery | undefined) =>
  notices.map((notice) => noticeText(notice, query?.task.task ?? ''))
