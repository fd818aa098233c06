import type { EstimateQuery } from '../shared/domain/estimate.ts'
import {
  type CommandInput,
  type CommandOption,
  numberPairs,
  pairs,
  required,
  text,
  UsageError,
} from './command.ts'
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
    description: 'probability with which it shall suffice; decides instead of --risk',
  },
}

/** Throws: UsageError. */
export function readQuery(input: CommandInput): EstimateQuery {
  const risk = share(input, 'risk')
  const targetCoverage = share(input, 'coverage')
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
    executionId: '',
  }
}

function share(input: CommandInput, name: string): number | undefined {
  const value = text(input, name)
  if (value === undefined) return undefined
  const number = Number(value)
  if (!(number >= 0 && number <= 1)) throw new UsageError(`--${name} ${value}: must be from 0 to 1`)
  return number
}
