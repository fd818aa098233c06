import type { Dimension } from './resources.ts'

/** Amounts as a person reads them: a few digits and a unit, however large they are. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined) return '–'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${significant(value)} ${units[unit]}`
}

export function formatDuration(ms: number | undefined): string {
  if (ms === undefined) return '–'
  if (ms < 1000) return `${significant(ms)} ms`
  if (ms < 120_000) return `${significant(ms / 1000)} s`
  if (ms < 7_200_000) return `${significant(ms / 60_000)} min`
  return `${significant(ms / 3_600_000)} h`
}

export function formatNumber(value: number | undefined): string {
  return value === undefined ? '–' : significant(value)
}

/** `1 execution`, `2 executions`, `3.5 executions`. */
export const counted = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`

function significant(value: number): string {
  if (value === 0) return '0'
  if (Math.abs(value) >= 1e9) return value.toExponential(2)
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}

export const dimensionTitles: Readonly<Record<Dimension, string>> = {
  cpuCores: 'cpu',
  memoryBytes: 'memory',
  diskBytes: 'disk',
  gpuMemoryBytes: 'gpu memory',
  durationMs: 'time',
}

export function formatDimension(dimension: Dimension, value: number | undefined): string {
  if (dimension === 'cpuCores') return formatNumber(value)
  return dimension === 'durationMs' ? formatDuration(value) : formatBytes(value)
}

const hourMs = 3_600_000

/** An amount over a time, given in the dimension's unit times milliseconds. Of a run time it has no meaning. */
export function formatOverTime(dimension: Dimension, amountMs: number | undefined): string {
  if (amountMs === undefined || dimension === 'durationMs') return '–'
  const hours = amountMs / hourMs
  return dimension === 'cpuCores' ? `${formatNumber(hours)} core·h` : `${formatBytes(hours)}·h`
}
