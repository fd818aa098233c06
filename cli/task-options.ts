import type { Features, Labels } from '../shared/domain/execution.ts'
import { defaultNamespace, type TaskKey } from '../shared/domain/task.ts'
import { type CommandInput, type CommandOption, numberPairs, pairs, required, text } from './command.ts'
import { parseNumber } from './quantity.ts'

/** Options that say what runs; its `--namespace` is among those of the connection. */
export const taskOptions = {
  task: { type: 'string', value: 'NAME', description: 'what kind of work it is, for example align/bwa' },
  feature: {
    type: 'string',
    value: 'KEY=NUMBER',
    multiple: true,
    description: 'a number known before the run',
  },
  label: { type: 'string', value: 'KEY=TEXT', multiple: true, description: 'a word known before the run' },
} as const satisfies Readonly<Record<string, CommandOption>>

export interface GivenTask {
  readonly task: TaskKey
  readonly features: Features
  readonly labels: Labels
}

/** Whose tasks are meant. */
export function namespaceOf(input: Pick<CommandInput, 'values'>): string {
  return text(input, 'namespace') ?? defaultNamespace
}

/** Throws: UsageError. */
export function readTask(input: CommandInput): GivenTask {
  return {
    task: { namespace: namespaceOf(input), task: required(input, 'task') },
    features: numberPairs(input, 'feature', parseNumber),
    labels: pairs(input, 'label'),
  }
}
