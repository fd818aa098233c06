import type { EstimateQuery } from '../shared/domain/estimate.ts'
import { outcomes } from '../shared/domain/execution.ts'
import { resourceLimits } from '../shared/domain/resources.ts'
import { limits } from '../shared/wire/limits.ts'
import { type CommandInput, type CommandOption, text } from './command.ts'
import { readBytes, readNumber, readWhole, readWord } from './options.ts'
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
  attempt: { type: 'string', value: 'N', description: 'which attempt it is for, from 1' },
  'previous-memory': {
    type: 'string',
    value: 'BYTES',
    description: 'memory that the attempt before was given',
  },
  'previous-outcome': {
    type: 'string',
    value: 'OUTCOME',
    description: `how the attempt before ended: ${outcomes.join(', ')}`,
  },
  'execution-id': {
    type: 'string',
    value: 'ID',
    description: 'the execution it is for: decides its A/B variant',
  },
}

/** Throws: UsageError. */
export function readQuery(input: CommandInput): EstimateQuery {
  const risk = readNumber(input, 'risk', { most: 1 })
  const previousMemoryBytes = readBytes(input, 'previous-memory', { most: resourceLimits.memoryBytes })
  const targetCoverage = readNumber(input, 'coverage', { most: 1, exclusive: true })
  return {
    ...readTask(input),
    requested: {},
    attempt: readWhole(input, 'attempt', { most: limits.attempt }) ?? 1,
    previousAllocation: previousMemoryBytes === undefined ? {} : { memoryBytes: previousMemoryBytes },
    previousOutcome: readWord(input, 'previous-outcome', outcomes),
    executionId: text(input, 'execution-id'),
    policy: {
      ...(risk === undefined ? {} : { risk }),
      ...(targetCoverage === undefined ? {} : { targetCoverage }),
    },
  }
}
