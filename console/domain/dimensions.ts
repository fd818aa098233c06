import type { Dimension } from '../../shared/domain/resources.ts'
import { Dimension as WireDimension } from '../contract/gen/foresize/v1/resources_pb.js'

/** The dimensions that the console shows, by their names in the URL. */
export const dimensionNames = {
  memory: 'memoryBytes',
  time: 'durationMs',
  cpu: 'cpuCores',
  disk: 'diskBytes',
  gpu: 'gpuMemoryBytes',
} as const satisfies Readonly<Record<string, Dimension>>

export type DimensionName = keyof typeof dimensionNames

export const isDimensionName = (name: string): name is DimensionName => Object.hasOwn(dimensionNames, name)

export const wireDimension: Readonly<Record<Dimension, WireDimension>> = {
  memoryBytes: WireDimension.MEMORY_BYTES,
  durationMs: WireDimension.DURATION_MS,
  cpuCores: WireDimension.CPU_CORES,
  diskBytes: WireDimension.DISK_BYTES,
  gpuMemoryBytes: WireDimension.GPU_MEMORY_BYTES,
}

export function dimensionOfWire(wire: WireDimension): Dimension | undefined {
  const found = Object.entries(wireDimension).find(([, each]) => each === wire)
  return found?.[0] as Dimension | undefined
}
