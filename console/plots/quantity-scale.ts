import { formatBytes, formatDimension, formatNumber } from '../../shared/domain/quantity-text.ts'
import type { Dimension } from '../../shared/domain/resources.ts'

/** How a quantity is written and divided along an axis. */
export interface QuantityKind {
  readonly title: string
  readonly format: (value: number) => string
  /** Sizes of the units it is written in, ascending: round numbers are round in one of them. */
  readonly units: readonly number[]
}

const byteUnits = [0, 1, 2, 3, 4, 5].map((power) => 1024 ** power)
const timeUnits = [1, 1000, 60_000, 3_600_000]

export const dimensionKinds: Readonly<Record<Dimension, QuantityKind>> = {
  memoryBytes: kindOf('memoryBytes', 'memory', byteUnits),
  durationMs: kindOf('durationMs', 'run time', timeUnits),
  cpuCores: kindOf('cpuCores', 'CPU cores', [1]),
  diskBytes: kindOf('diskBytes', 'scratch disk', byteUnits),
  gpuMemoryBytes: kindOf('gpuMemoryBytes', 'GPU memory', byteUnits),
}

function kindOf(dimension: Dimension, title: string, units: readonly number[]): QuantityKind {
  return { title, units, format: (value) => formatDimension(dimension, value) }
}

/** A feature's name says whether it counts bytes. */
export function featureKind(name: string): QuantityKind {
  return /(^|_)bytes$/.test(name)
    ? { title: name, units: byteUnits, format: (value) => formatBytes(value) }
    : { title: name, units: [1], format: formatPlain }
}

const suffixes = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const

function formatPlain(value: number): string {
  const [size, suffix] = suffixes.find(([each]) => Math.abs(value) >= each) ?? [1, '']
  return `${withoutTrailingZeros(formatNumber(value / size))}${suffix}`
}

export interface QuantityScale {
  readonly type: 'linear' | 'log'
  readonly domain: [number, number]
  readonly ticks: number[]
  readonly tickFormat: (value: number) => string
  readonly label: string
}

/** Above this ratio of largest to smallest the scale is logarithmic, and says so. */
const wide = 30

/** What is smaller is drawn as nothing, and what is larger not at all: a step of theirs may not be a number. */
const [smallest, largest] = [1e-290, 1e290]

/** A scale that holds the values, with about so many round ticks. Linear ones start at zero. */
export function quantityScale(kind: QuantityKind, values: readonly number[], ticks = 5): QuantityScale {
  const { title, units } = kind
  const tickFormat = (value: number) => withoutTrailingZeros(kind.format(value))
  const positive = values.filter((value) => value > smallest && value < largest)
  if (positive.length === 0) return { type: 'linear', domain: [0, 1], ticks: [], tickFormat, label: title }
  const [least, most] = [Math.min(...positive), Math.max(...positive)]
  if (positive.length === values.length && most / least > wide) {
    const domain: [number, number] = [least * 0.9, most * 1.1]
    return {
      type: 'log',
      domain,
      ticks: toldApart(logTicks(domain, units, ticks), tickFormat),
      tickFormat,
      label: `${title} (logarithmic)`,
    }
  }
  const step = roundStep(most / ticks, units)
  const end = most * 1.04
  const marks = Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => i * step)
  return { type: 'linear', domain: [0, end], ticks: toldApart(marks, tickFormat), tickFormat, label: title }
}

/** Without those that would have the label of the one before: what is smaller than the smallest unit reads as nothing. */
const toldApart = (ticks: readonly number[], format: (value: number) => string) =>
  ticks.filter((tick, i) => i === 0 || format(tick) !== format(ticks[i - 1] as number))

function roundStep(rough: number, units: readonly number[]): number {
  const unit = units.findLast((each) => each <= rough) ?? units[0] ?? 1
  const ten = 10 ** Math.floor(Math.log10(rough / unit))
  const step = [1, 2, 5, 10].find((each) => each * ten >= rough / unit - 1e-9) ?? 10
  return step * ten * unit
}

/** Powers of two of bytes, 1, 10 and 30 of units of time, else powers of ten: so many apart that about `count` remain. */
function logTicks([from, to]: readonly [number, number], units: readonly number[], count: number): number[] {
  const power = units === byteUnits ? 2 : 10
  const first = Math.ceil(Math.log(from) / Math.log(power))
  const last = Math.floor(Math.log(to) / Math.log(power))
  const powers = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => power ** (first + i))
  const times = timeUnits
    .flatMap((unit) => [unit, 10 * unit, 30 * unit])
    .filter((each) => each >= from && each <= to)
  const candidates = units === timeUnits ? times : powers
  const every = Math.max(1, Math.ceil(candidates.length / count))
  return candidates.filter((_, i) => i % every === 0)
}

/** `2 GiB`, not `2.00 GiB`. */
function withoutTrailingZeros(text: string): string {
  return text.replace(/\.(\d*?)0+(?=\s|$)/, (_, digits: string) => (digits === '' ? '' : `.${digits}`))
}
