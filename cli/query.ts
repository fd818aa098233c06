import type { EstimateQuery } from '../shared/domain/estimate.ts'
import type { CommandInput, CommandOption } from './command.ts'
import { readNumber } from './options.ts'
import { readTask, taskOptions } from './task-options.ts'

/** Options that say what is about to run. */
export const queryOptions: Readonly<Record<string, CommandOption>> = {
  ...taskOptions,
  risk: { type: 'string', value: 'SHARE', description: '0 economical, 0.5 balanced, 1 safe' },
  coverage: {
    type: 'string',
    value: 'SHARE',
    description: 'probability with which it shall suffice, above 0 and below 1; decides instead of --risk',
  },
}

/** Throws: UsageError. */
export function readQuery(input: CommandInput): EstimateQuery {
  const risk = readNumber(input, 'risk', { most: 1 })
  const targetCoverage = readNumber(input, 'coverage', { most: 1, exclusive: true })
  return {
    ...readTask(input),
    requested: {},
    attempt: 1,
    previousAllocation: {},
    policy: {
      ...(risk === undefined ? {} : { risk }),
      ...(targetCoverage === undefined ? {} : { targetCoverage }),
    },
  }
}
