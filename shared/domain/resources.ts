/** Every dimension a task is sized in. Adding one is a line here, one in resources.proto and one in the limits below. */
export const dimensions = ['cpuCores', 'memoryBytes', 'diskBytes', 'gpuMemoryBytes', 'durationMs'] as const

export type Dimension = (typeof dimensions)[number]

/** One value a dimension, in the unit its name says. Unset means unknown or not asked; zero means zero. */
export type Resources = { readonly [D in Dimension]?: number | undefined }

/** The largest value that is not absurd, per dimension: above it is a broken counter, not a need. */
export const resourceLimits: Readonly<Record<Dimension, number>> = {
  cpuCores: 1e6,
  memoryBytes: 1e16,
  diskBytes: 1e18,
  gpuMemoryBytes: 1e16,
  durationMs: 1e12,
}
