import { resourceLimits } from '../domain/resources.ts'
import { readName } from './fields.ts'
import type { UsageSamples } from './gen/foresize/v1/execution.ts'
import type { Inspection } from './inspection.ts'
import { limits } from './limits.ts'

const columns = [
  ['cpuCores', 'cpu_cores'],
  ['memoryBytes', 'memory_bytes'],
  ['diskBytes', 'disk_bytes'],
  ['gpuMemoryBytes', 'gpu_memory_bytes'],
] as const

/** Checks samples in place: the message itself is the domain's value, no sample is copied. */
export function checkSamples(message: UsageSamples, seen: Inspection): UsageSamples {
  readName(message.executionId, 'execution_id', seen)
  const count = message.elapsedDeltaMs.length
  if (count === 0) seen.reject('elapsed_delta_ms', 'must have at least one sample')
  if (count > limits.samples) seen.reject('elapsed_delta_ms', `must have at most ${limits.samples} samples`)
  for (const [column, name] of columns) {
    const values = message[column]
    if (values.length === 0) continue
    if (values.length !== count) {
      seen.reject(name, `must have ${count} values as elapsed_delta_ms has, or none; has ${values.length}`)
      continue
    }
    const bad = firstOutside(values, resourceLimits[column])
    if (bad !== undefined) {
      seen.reject(`${name}[${bad}]`, `must be from 0 to ${resourceLimits[column]}, was ${values[bad]}`)
    }
  }
  return message
}

function firstOutside(values: readonly number[], max: number): number | undefined {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number
    if (!(value >= 0 && value <= max)) return index
  }
  return undefined
}
