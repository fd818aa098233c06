import cluster from 'node:cluster'
import pino, { type Logger } from 'pino'
import { visibleLines } from '../domain/text.ts'

export type Log = Logger

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/**
 * One structured line per event that matters, on standard error; none per request on the success path.
 * Fields named like a secret are never written.
 */
export function createLog(service: string, level: (typeof logLevels)[number]): Log {
  return pino(
    {
      level,
      // Of several processes each names itself, as its primary does where it tells of one.
      base: { service, pid: cluster.worker?.process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['token', 'password', 'authorization', '*.token', '*.password', '*.authorization'] },
    },
    visibleTo(pino.destination({ dest: 2, sync: true })),
  )
}

/** Logs are read on terminals: within JSON a character that is written out is the same character. */
export const visibleTo = (destination: { write(line: string): unknown }) => ({
  write: (line: string) => void destination.write(visibleLines(line)),
})
