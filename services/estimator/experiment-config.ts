import { z } from 'zod'
import { ConfigError } from '../../shared/runtime/config-error.ts'
import type { Experiment } from './domain/estimate/variants.ts'
import type { Registry } from './domain/strategies/strategy.ts'

/** Each variant of each strategy in each dimension is one score of a profile: more would crowd each other out. */
const mostVariants = 8

const variant = z.strictObject({
  name: z.string().min(1).max(64),
  share: z.number().min(0).max(1),
  risk: z.number().min(0).max(1).optional(),
  targetCoverage: z.number().gt(0).lt(1).optional(),
  strategies: z.array(z.string()).max(16).optional(),
})

/** The settings of an A/B test, among those of the estimator. */
export const experimentSettings = {
  variants: z
    .array(variant)
    .max(mostVariants)
    .default([])
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'must have names of their own')
    .refine(
      (all) => all.reduce((sum, { share }) => sum + share, 0) <= 1 + 1e-9,
      'must have shares of at most 1',
    )
    .describe(
      'A/B test, a JSON array: [{"name": "safe", "share": 0.1, "risk": 0.8}]; also targetCoverage, strategies. What the shares leave over is answered as without it',
    ),
  variantBy: z
    .enum(['execution', 'task'])
    .default('execution')
    .describe('what draws a variant: each execution, or each task once for all its executions'),
}

type ExperimentConfig = z.output<z.ZodObject<typeof experimentSettings>>

/** Throws: ConfigError where a variant names a strategy that there is not. */
export function experimentOf(config: ExperimentConfig, registry: Registry): Experiment {
  return {
    by: config.variantBy,
    variants: config.variants.map(({ name, share, risk, targetCoverage, strategies }) => {
      const unknown = strategies?.find((strategy) => !Object.hasOwn(registry, strategy))
      if (unknown !== undefined) {
        throw new ConfigError(
          `--variants: ${name} names the strategy ${unknown}, there are only ${Object.keys(registry).join(', ')}`,
        )
      }
      const policy = {
        ...(risk === undefined ? {} : { risk }),
        ...(targetCoverage === undefined ? {} : { targetCoverage }),
        ...(strategies === undefined ? {} : { strategies }),
      }
      return { name, share, policy }
    }),
  }
}
