import type { Features, Labels } from '../domain/execution.ts'
import { dimensions, type Resources, resourceLimits } from '../domain/resources.ts'
import { defaultNamespace, type TaskKey } from '../domain/task.ts'
import { clipped } from '../domain/text.ts'
import type { Inspection } from './inspection.ts'
import { limits } from './limits.ts'

/** Field names as the sender wrote them. */
export const wireNames: Readonly<Record<(typeof dimensions)[number], string>> = {
  cpuCores: 'cpu_cores',
  memoryBytes: 'memory_bytes',
  diskBytes: 'disk_bytes',
  gpuMemoryBytes: 'gpu_memory_bytes',
  durationMs: 'duration_ms',
}

/** Control characters would break keys, logs and tables. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controlCharacters = /[\u0000-\u001f\u007f]/

/** A required name: 1 to 256 bytes, no control characters. */
export function readName(value: string, path: string, seen: Inspection): string {
  if (value === '') seen.reject(path, 'is required')
  else checkText(value, path, seen)
  return value
}

/** A text that may be empty: at most 256 bytes, no control characters. */
export function checkText(value: string, path: string, seen: Inspection): string {
  const fault = faultOf(value)
  if (fault !== undefined) seen.reject(path, fault)
  return value
}

function faultOf(text: string): string | undefined {
  // Half a surrogate pair has no UTF-8: it could not be stored and read back.
  if (!text.isWellFormed()) return 'must be well-formed Unicode'
  if (text.length * 3 > limits.nameBytes && Buffer.byteLength(text) > limits.nameBytes) {
    return `must be at most ${limits.nameBytes} bytes, has ${Buffer.byteLength(text)}`
  }
  return controlCharacters.test(text) ? 'must not contain control characters' : undefined
}

export function readNamespace(value: string, path: string, seen: Inspection): string {
  return value === '' ? defaultNamespace : checkText(value, path, seen)
}

export function readTask(
  message: { readonly namespace: string; readonly task: string } | undefined,
  path: string,
  seen: Inspection,
): TaskKey {
  if (message === undefined) {
    seen.reject(path, 'is required')
    return { namespace: defaultNamespace, task: '' }
  }
  return {
    namespace: readNamespace(message.namespace, `${path}.namespace`, seen),
    task: readName(message.task, `${path}.task`, seen),
  }
}

const noResources: Resources = {}

/** Finite, 0 to the dimension's limit. */
export function readResources(message: Resources | undefined, path: string, seen: Inspection): Resources {
  if (message === undefined) return noResources
  let resources = message
  for (const dimension of dimensions) {
    const value = message[dimension]
    if (value === undefined) continue
    if (Object.is(value, -0)) resources = { ...resources, [dimension]: 0 }
    if (!(value >= 0 && value <= resourceLimits[dimension])) {
      seen.reject(
        `${path}.${wireNames[dimension]}`,
        `must be from 0 to ${resourceLimits[dimension]}, was ${value}`,
      )
    }
  }
  return resources
}

/** In order of key, so that the same features are the same bytes whoever sent them. */
export function readFeatures(message: Features, path: string, seen: Inspection): Features {
  const features = readEntries(message, path, seen, (value) =>
    Number.isFinite(value) ? undefined : `must be finite, was ${value}`,
  )
  for (const name in features) {
    if (Object.is(features[name], -0))
      return Object.fromEntries(Object.entries(features).map(([key, value]) => [key, unsignedZero(value)]))
  }
  return features
}

/** Zero has one form, since JSON has only one: what is read back must be what was written. */
export const unsignedZero = (value: number): number => value + 0

/** In order of key, as `readFeatures`. */
export function readLabels(message: Labels, path: string, seen: Inspection): Labels {
  return readEntries(message, path, seen, faultOf)
}

function readEntries<T>(
  message: Readonly<Record<string, T>>,
  path: string,
  seen: Inspection,
  faultOfValue: (value: T) => string | undefined,
): Readonly<Record<string, T>> {
  let count = 0
  for (const _ in message) count += 1
  if (count > limits.entries) {
    seen.reject(path, `must have at most ${limits.entries} entries, has ${count}`)
    return message
  }
  for (const key in message) {
    const fault = key === '' ? 'is required' : (faultOf(key) ?? faultOfValue(message[key] as T))
    if (fault !== undefined) seen.reject(`${path}[${shown(key)}]`, fault)
  }
  if (count < 2) return message
  return Object.fromEntries(
    Object.keys(message)
      .sort()
      .map((key) => [key, message[key] as T]),
  )
}

/** A key short enough, and clean enough, for a message to a person. */
function shown(key: string): string {
  return clipped(JSON.stringify(key).slice(1, -1), 64)
}

/** Finite, from `min` to `max`, both included. */
export function readWithin(
  value: number,
  range: { readonly min: number; readonly max: number },
  path: string,
  seen: Inspection,
): number {
  if (!(value >= range.min && value <= range.max)) {
    seen.reject(path, `must be from ${range.min} to ${range.max}, was ${value}`)
  }
  return unsignedZero(value)
}

/** The same of a number that is whole: JSON may hold others where the contract has none. */
export function readWhole(
  value: number,
  range: { readonly min: number; readonly max: number },
  path: string,
  seen: Inspection,
): number {
  if (Number.isInteger(value)) return readWithin(value, range, path, seen)
  seen.reject(path, `must be a whole number, was ${value}`)
  return value
}

/** A word of a closed list; `unspecified` and numbers newer than this program are refused. */
export function readWord<Word extends string>(
  codec: { toWord(wire: number): Word | undefined },
  value: number,
  fallback: Word,
  path: string,
  seen: Inspection,
): Word {
  const word = codec.toWord(value)
  if (word === undefined) seen.reject(path, value === 0 ? 'is required' : `has no value ${value}`)
  return word ?? fallback
}
