import type { Dimension } from '../shared/domain/resources.ts'
import { parseBytes, parseDurationMs, parsePlainNumber } from './quantity.ts'

export const notationNames = ['slurm', 'kubernetes', 'nextflow', 'bytes', 'mb'] as const

export type NotationName = (typeof notationNames)[number]

/** How a scheduler writes an amount. */
export interface Notation {
  /** Rounded up to a whole number of the scheduler's unit, at least 1: 0 means everything to some. */
  format(dimension: Dimension, amount: number): string
  /** In the dimension's unit; undefined for what the scheduler would not take. */
  parse(dimension: Dimension, text: string): number | undefined
  /** Only a number is taken: an amount with a unit has to be converted. */
  readonly isPlain: boolean
}

const mebibyte = 2 ** 20

const whole = (amount: number) => Math.max(1, Math.ceil(amount))

const binaryUnits: Readonly<Record<string, number>> = { K: 2 ** 10, M: mebibyte, G: 2 ** 30, T: 2 ** 40 }

/** `4G` and `4GB` as 4 × 2³⁰ bytes, with `bare` for a number without a unit. */
function binaryBytes(text: string, bare: number): number | undefined {
  const match = /^(\d+(?:\.\d*)?) ?(?:([KMGT])B?)?$/i.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * (binaryUnits[match[2]?.toUpperCase() ?? ''] ?? bare)
}

const wholeNumber = (text: string) => (/^\d+$/.test(text) ? Number(text) : undefined)

/** Source: sbatch(1), `--mem`, `--cpus-per-task`, `--time`, `--tmp`. */
const slurm: Notation = {
  isPlain: false,
  format(dimension, amount) {
    if (dimension === 'cpuCores') return String(whole(amount))
    return dimension === 'durationMs' ? String(whole(amount / 60_000)) : `${whole(amount / mebibyte)}M`
  },
  parse(dimension, text) {
    if (dimension === 'cpuCores') return wholeNumber(text)
    if (dimension !== 'durationMs') return /\.|\s/.test(text) ? undefined : binaryBytes(text, mebibyte)
    const match = /^(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?$/.exec(text)
    if (match === null) return undefined
    const [days = 0, first = 0, second = 0, third = 0] = match.slice(1).map((part) => Number(part ?? 0))
    // `hours[:minutes[:seconds]]` behind days, `minutes[:seconds]` and `hours:minutes:seconds` without.
    const startsWithHours = match[1] !== undefined || match[4] !== undefined
    const seconds = startsWithHours ? first * 3600 + second * 60 + third : first * 60 + second
    return (days * 86_400 + seconds) * 1000
  },
}

const kubernetesUnits: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: mebibyte,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** Quantities; seconds for `activeDeadlineSeconds`. Source: Kubernetes API, "Quantity". */
const kubernetes: Notation = {
  isPlain: false,
  format(dimension, amount) {
    if (dimension === 'cpuCores') return `${whole(amount * 1000)}m`
    return dimension === 'durationMs' ? String(whole(amount / 1000)) : `${whole(amount / mebibyte)}Mi`
  },
  parse(dimension, text) {
    if (dimension === 'durationMs') {
      const seconds = wholeNumber(text)
      return seconds === undefined ? undefined : seconds * 1000
    }
    const match = /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(text)
    const unit = kubernetesUnits[match?.[2] ?? '?']
    return match === null || unit === undefined ? undefined : Number(match[1]) * unit
  },
}

/** Source: Nextflow documentation, `MemoryUnit` (powers of 1024) and `Duration`. */
const nextflow: Notation = {
  isPlain: false,
  format(dimension, amount) {
    if (dimension === 'cpuCores') return String(whole(amount))
    return dimension === 'durationMs' ? `${whole(amount / 1000)}s` : `${whole(amount / mebibyte)} MB`
  },
  parse(dimension, text) {
    if (dimension === 'cpuCores') return wholeNumber(text)
    return dimension === 'durationMs' ? parseDurationMs(text) : binaryBytes(text, 1)
  },
}

/** A number alone: bytes by `unit`, cores, seconds. */
const plain = (unit: number): Notation => ({
  isPlain: true,
  format: (dimension, amount) =>
    String(whole(dimension === 'cpuCores' ? amount : amount / (dimension === 'durationMs' ? 1000 : unit))),
  parse(dimension, text) {
    if (dimension === 'cpuCores') return parsePlainNumber(text)
    return dimension === 'durationMs' ? parseDurationMs(text) : parseBytes(text)
  },
})

export const notations: Readonly<Record<NotationName, Notation>> = {
  slurm,
  kubernetes,
  nextflow,
  bytes: plain(1),
  mb: plain(1e6),
}
