import type { Policy } from '../../../shared/domain/policy.ts'
import { type Dimension, dimensions, type Resources } from '../../../shared/domain/resources.ts'
import type { TaskKey } from '../../../shared/domain/task.ts'

export const learningModes = ['off', 'shadow', 'advise', 'apply'] as const

/**
 * `off`: the estimator is not asked. `shadow`: asked and recorded, the task does not learn of it. `advise`: the answer
 * travels with the task, the request is given. `apply`: the answer is given.
 */
export type LearningMode = (typeof learningModes)[number]

export const beyondRangeRules = ['trust', 'request'] as const

/**
 * What is given where an input is larger than any learned from. `trust`: the answer, whatever its confidence. `request`:
 * the request, in each dimension that has one.
 */
export type BeyondRangeRule = (typeof beyondRangeRules)[number]

export interface LearningSettings {
  /** Default true. False is `off`, whatever the mode. */
  readonly enabled: boolean
  /** Default `apply`. */
  readonly mode: LearningMode
  /** Executions behind an answer before it is used. Default 3. */
  readonly minExecutions: number
  /** Confidence of an answer before it is used, 0 to 1. Default 0.5. */
  readonly confidenceThreshold: number
  /** Unset, the default: by the record, which is the confidence of the answer, as within the range. */
  readonly beyondRange?: BeyondRangeRule | undefined
  /** 0 economical to 1 safe. Unset leaves it to the estimator. */
  readonly risk?: number | undefined
  /**
   * What is learned; in the others the request is given. Default all. Without `cpuCores` where tasks share busy cores:
   * they use less than they could, and giving them that makes the cores busier.
   */
  readonly dimensions: readonly Dimension[]
  /** Added to what was learned, as a share of it: 0.1 is one tenth more. Default 0. */
  readonly headroom: number
  /** What wraps the task under the same limit and is not measured with it: added to what was learned. Default none but the estimator's. */
  readonly overhead: Resources
  /** What is given is not below. */
  readonly min: Resources
  /** What is given is not above. */
  readonly max: Resources
  /** What is given is not above the request, escalation after a kill left out. Default false. */
  readonly neverAboveRequest: boolean
}

export interface LearningOverride extends Partial<LearningSettings> {
  /** Which tasks; unset means all namespaces. */
  readonly namespace?: string
  /** A task's name, or its beginning and `*`; unset means all tasks. */
  readonly task?: string
}

export interface LearningConfig extends LearningSettings {
  /** Milliseconds for which an answer is used again for the same question. Default: as the client is set (5000). */
  readonly updateInterval: number
  /** What a task gets in a dimension that it neither fixes nor requests and of which nothing was learned. */
  readonly defaults: Resources
  /** Later ones win over earlier ones. */
  readonly overrides: readonly LearningOverride[]
}

export const defaultLearningConfig: LearningConfig = {
  enabled: true,
  mode: 'apply',
  minExecutions: 3,
  confidenceThreshold: 0.5,
  dimensions,
  headroom: 0,
  overhead: {},
  min: {},
  max: {},
  neverAboveRequest: false,
  updateInterval: 5000,
  defaults: {},
  overrides: [],
}

/** Settings of one task: the configuration with every override that speaks of it laid over. */
export function settingsFor(config: LearningConfig, { namespace, task }: TaskKey): LearningSettings {
  let settings: LearningSettings = config
  for (const override of config.overrides) {
    if (override.namespace !== undefined && override.namespace !== namespace) continue
    if (override.task !== undefined && !matches(override.task, task)) continue
    settings = { ...settings, ...override }
  }
  return settings
}

function matches(pattern: string, task: string): boolean {
  return pattern.endsWith('*') ? task.startsWith(pattern.slice(0, -1)) : pattern === task
}

/** Throws: RangeError naming the setting, for a configuration that makes no sense. */
export function checkLearningConfig(config: LearningConfig): void {
  for (const [name, settings] of [
    ['learning', config],
    ...config.overrides.map((o, i) => [`overrides[${i}]`, o]),
  ] as [string, Partial<LearningSettings>][]) {
    const { confidenceThreshold, minExecutions, risk, headroom, mode, dimensions: learned } = settings
    const { beyondRange } = settings
    require(isWithin(confidenceThreshold, 0, 1), `${name}.confidenceThreshold must be from 0 to 1`)
    require(isWithin(minExecutions, 0, Number.MAX_SAFE_INTEGER), `${name}.minExecutions must not be negative`)
    require(isWithin(risk, 0, 1), `${name}.risk must be from 0 to 1`)
    require(isWithin(headroom, 0, 10), `${name}.headroom must be from 0 to 10`)
    require(learned === undefined ||
      learned.every((each) =>
        dimensions.includes(each),
      ), `${name}.dimensions must be of ${dimensions.join(', ')}`)
    require(mode === undefined ||
      learningModes.includes(mode), `${name}.mode must be one of ${learningModes.join(', ')}`)
    require(beyondRange === undefined ||
      beyondRangeRules.includes(
        beyondRange,
      ), `${name}.beyondRange must be one of ${beyondRangeRules.join(', ')}`)
  }
  require(isWithin(
    config.updateInterval,
    0,
    86_400_000,
  ), 'learning.updateInterval must be from 0 to 86400000')
}

function isWithin(value: number | undefined, min: number, max: number): boolean {
  return value === undefined || (value >= min && value <= max)
}

function require(holds: boolean, message: string): void {
  if (!holds) throw new RangeError(message)
}

/** What the estimator is asked to hold to. */
export function policyOf({ risk, min, max, overhead }: LearningSettings): Partial<Policy> {
  return {
    ...(risk === undefined ? {} : { risk }),
    min,
    max,
    // One that is set here is added here, in place of the estimator's.
    ...(Object.keys(overhead).length === 0 ? {} : { overhead: {} }),
  }
}
