import { formatBytes, formatDuration, formatNumber } from '../shared/domain/quantity-text.ts'
import type { Resources } from '../shared/domain/resources.ts'

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
  ki: 2 ** 10,
  kib: 2 ** 10,
  mi: 2 ** 20,
  mib: 2 ** 20,
  gi: 2 ** 30,
  gib: 2 ** 30,
  ti: 2 ** 40,
  tib: 2 ** 40,
}

const durationUnitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Bytes: `2GiB`, `512Mi`, `1.5G`, `1000`. Undefined for anything else. */
export function parseBytes(value: string): number | undefined {
  return parse(value, byteUnits)
}

/** Milliseconds: `90s`, `5m`, `1.5h`, `250ms`. Undefined for anything else, a bare number included. */
export function parseDurationMs(value: string): number | undefined {
  return parse(value, durationUnitsMs)
}

function parse(value: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?(?:e\d+)?)\s*([a-z]*)$/i.exec(value.trim())
  const unit = units[match?.[2]?.toLowerCase() ?? '?']
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}

/** A finite number without a unit. */
export function parsePlainNumber(value: string): number | undefined {
  const number = value.trim() === '' ? Number.NaN : Number(value)
  return Number.isFinite(number) ? number : undefined
}

/** A number that may be negative or carry a unit of bytes. */
export function parseNumber(value: string): number | undefined {
  return parsePlainNumber(value) ?? parseBytes(value)
}

/** Whole where it is; a share of an execution counts where weights are not whole. */
export function formatCount(count: number): string {
  return Number.isInteger(count) ? String(count) : count.toFixed(1)
}

export function formatShare(share: number | undefined): string {
  return share === undefined ? '–' : `${(share * 100).toFixed(share > 0.995 && share < 1 ? 1 : 0)} %`
}

/** `2 cores · 512 MiB · 1.50 min` */
export function formatResources(resources: Resources): string {
  const parts = [
    resources.memoryBytes === undefined ? undefined : formatBytes(resources.memoryBytes),
    resources.cpuCores === undefined ? undefined : `${formatNumber(resources.cpuCores)} cores`,
    resources.durationMs === undefined ? undefined : formatDuration(resources.durationMs),
    resources.diskBytes === undefined ? undefined : `${formatBytes(resources.diskBytes)} disk`,
    resources.gpuMemoryBytes === undefined ? undefined : `${formatBytes(resources.gpuMemoryBytes)} GPU`,
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? 'nothing' : parts.join(' · ')
}
