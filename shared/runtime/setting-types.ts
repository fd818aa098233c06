import { z } from 'zod'
import { defaultCohortLabels, isCohortLabel } from '../domain/cohort.ts'
import { logLevels } from './log.ts'

export const whole = (min: number, max: number) => z.int().min(min).max(max)

/** `host:port`. */
export const address = z
  .string()
  .refine((text) => Number(/:(\d+)$/.exec(text)?.[1] ?? Number.NaN) <= 65_535, 'must be host:port')

export const addressOrNone = z.union([z.literal(''), address])

export const logLevel = z.enum(logLevels).default('info').describe('least level that is logged')

export const metricsListen = (port: number) =>
  addressOrNone
    .default(`127.0.0.1:${port}`)
    .describe('host:port of /metrics, /healthz and /livez over plain HTTP; empty means none')

export const cohortLabels = z
  .array(z.string().refine(isCohortLabel, 'must name a label: neither name nor stem, nor with a ='))
  .max(64)
  .default([...defaultCohortLabels])
