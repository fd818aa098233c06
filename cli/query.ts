import type { EstimateQuery } from '../shared/domain/estimate.ts'
import { type CommandInput, type CommandOption, numberPairs, pairs, required, text } from './command.ts'
import { readNumber } from './options.ts'
import { parseNumber } from './quantity.ts'

/** Options that say what is about to run. */
export const queryOptions: Readonly<Record<string, CommandOption>> = {
  task: { type: 'string', value: 'NAME', description: 'what kind of work it is' },
  feature: {
    type: 'string',
    value: 'KEY=NUMBER',
    multiple: true,
    description: 'a number known before the run',
  },
  label: { type: 'string', value: 'KEY=TEXT', multiple: true, description: 'a word known before the run' },
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
    task: { namespace: text(input, 'namespace') ?? 'default', task: required(input, 'task') },
    features: numberPairs(input, 'feature', parseNumber),
    labels: pairs(input, 'label'),
    requested: {},
    attempt: 1,
    previousAllocation: {},
    policy: {
      ...(risk === undefined ? {} : { risk }),
      ...(targetCoverage === undefined ? {} : { targetCoverage }),
    },
  }
}
