import pino, { type Logger } from 'pino'

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
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['token', 'password', 'authorization', '*.token', '*.password', '*.authorization'] },
    },
    pino.destination({ dest: 2, sync: true }),
  )
}
