import { formatOverTime } from '../../shared/domain/quantity-text.ts'

const hourMs = 3_600_000

/** Bytes times milliseconds as `12.3 GiB·h`. */
export const formatByteTime = (byteMs: number | undefined): string => formatOverTime('memoryBytes', byteMs)

export const gigabyteHours = (byteMs: number | undefined): number | undefined =>
  byteMs === undefined ? undefined : byteMs / hourMs / 2 ** 30

export const coreHours = (coreMs: number): number => coreMs / hourMs

export const formatCount = (count: number): string => Math.round(count).toLocaleString('en-US')

/** `3 min ago`. */
export function formatAgo(unixMs: number, nowUnixMs: number): string {
  const seconds = Math.max(0, (nowUnixMs - unixMs) / 1000)
  if (seconds < 60) return 'just now'
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`
  return `${Math.round(seconds / 86_400)} d ago`
}
