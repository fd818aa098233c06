import type { Violation } from '../../../shared/domain/errors.ts'
import type { Resources } from '../../../shared/domain/resources.ts'
import { type LearningMode, learningModes } from '../../scheduler/domain/learning-config.ts'
import { modeLabel, namespaceAnnotations } from './names.ts'
import type { ObjectMeta } from './pod.ts'
import { parseQuantity } from './quantity.ts'

/** How the Pods of a namespace are sized, as its labels and annotations say. */
export interface NamespacePolicy {
  readonly mode: LearningMode
  /** Whether what a container asks for is fixed, or given until more is known. */
  readonly resources: 'explicit' | 'request'
  /** Whether the memory that is given is the limit too. */
  readonly limits: 'memory' | 'none'
  /** What is given is not above. */
  readonly max: Resources
}

const resourcesRules = ['explicit', 'request'] as const
const limitsRules = ['memory', 'none'] as const

/** What cannot be read counts as the cautious choice, and is named: an unknown mode is `off`. */
export function namespacePolicyOf({ labels = {}, annotations = {} }: ObjectMeta): {
  readonly policy: NamespacePolicy
  readonly violations: readonly Violation[]
} {
  const violations: Violation[] = []
  const oneOf = <T extends string>(
    field: string,
    text: string | undefined,
    words: readonly T[],
    otherwise: T,
  ): T => {
    if (text === undefined) return otherwise
    const word = words.find((each) => each === text)
    if (word !== undefined) return word
    violations.push({ field, description: `must be one of ${words.join(', ')}, was "${text}"` })
    return otherwise
  }
  const quantity = (field: string): number | undefined => {
    const text = annotations[field]
    const value = text === undefined ? undefined : parseQuantity(text)
    if (text !== undefined && !(value !== undefined && value > 0)) {
      violations.push({ field, description: `must be a quantity above 0, was "${text}"` })
      return undefined
    }
    return value
  }
  const { resources, limits, maxMemory, maxCpu } = namespaceAnnotations
  const policy: NamespacePolicy = {
    mode: oneOf(modeLabel, labels[modeLabel], learningModes, 'off'),
    resources: oneOf(resources, annotations[resources], resourcesRules, 'explicit'),
    limits: oneOf(limits, annotations[limits], limitsRules, 'memory'),
    max: { memoryBytes: quantity(maxMemory), cpuCores: quantity(maxCpu) },
  }
  // A ceiling that cannot be read must not mean that there is none.
  return violations.some(({ field }) => field === maxMemory || field === maxCpu)
    ? { policy: { ...policy, mode: 'off' }, violations }
    : { policy, violations }
}

/** The Pod's own mode, where it has one, in a namespace that has opted in. */
export function modeOf(
  text: string | undefined,
  policy: NamespacePolicy,
  violations: Violation[],
  field: string,
): LearningMode {
  if (text === undefined) return policy.mode
  const mode = learningModes.find((each) => each === text)
  if (mode === undefined) {
    violations.push({ field, description: `must be one of ${learningModes.join(', ')}, was "${text}"` })
  }
  return mode ?? 'off'
}
