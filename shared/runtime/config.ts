import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { ConfigError } from './config-error.ts'

/** A flat object of settings: each with a default, a unit in its name and a description. */
export type ConfigSchema = z.ZodObject<Record<string, z.ZodType>>

export interface ConfigSources {
  /** After the program's name. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** `FORESIZE_PROFILER` reads `FORESIZE_PROFILER_LISTEN` for `listen`. */
  readonly envPrefix: string
}

/**
 * Flags over environment over file (`--config FILE.json`) over defaults. Unknown keys are refused.
 * Throws: ConfigError, naming the setting and where it came from.
 */
export function readConfig<S extends ConfigSchema>(schema: S, sources: ConfigSources): z.output<S> {
  const settings = Object.keys(schema.shape)
  const flags = readFlags(settings, sources.argv)
  const secret = Object.keys(flags.settings).find(isSecret)
  if (secret !== undefined) {
    throw new ConfigError(
      `--${kebab(secret)}: every program of this host can read a flag; set ${sources.envPrefix}_${kebab(secret).replaceAll('-', '_').toUpperCase()}`,
    )
  }
  const fromFile = flags.config === undefined ? {} : readFile(settings, flags.config)
  const fromEnv = readEnv(settings, sources)
  const merged = { ...fromFile, ...typed(schema, fromEnv), ...typed(schema, flags.settings) }
  const parsed = schema.safeParse(merged)
  if (parsed.success) return parsed.data
  throw new ConfigError(
    parsed.error.issues
      .map(({ path, message }) => `--${kebab(String(path[0] ?? ''))}: ${message}`)
      .join('\n'),
  )
}

/** One line a setting: flag, environment variable, default, description. For `--help` and docs/config.md. */
export function describeConfig(
  schema: ConfigSchema,
  envPrefix: string,
): readonly {
  readonly flag: string
  readonly env: string
  readonly default: string
  readonly description: string
}[] {
  return Object.entries(schema.shape).map(([key, type]) => ({
    flag: `--${kebab(key)}`,
    env: `${envPrefix}_${kebab(key).replaceAll('-', '_').toUpperCase()}`,
    default: shownDefault(type),
    description: type.description ?? '',
  }))
}

/** A setting that is not to be seen: from the environment or a file, never from a flag. */
export const isSecret = (key: string): boolean => /(password|secret|token)$/i.test(key)

function shownDefault(type: z.ZodType): string {
  const parsed = type.safeParse(undefined)
  if (!parsed.success) return 'required'
  return parsed.data === undefined ? 'unset' : JSON.stringify(parsed.data)
}

function readFlags(
  settings: readonly string[],
  argv: readonly string[],
): { readonly config: string | undefined; readonly settings: Record<string, string> } {
  const options = Object.fromEntries(
    ['config', ...settings].map((key) => [kebab(key), { type: 'string' as const }]),
  )
  try {
    const { values } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false })
    const given: Record<string, string> = {}
    for (const key of settings) {
      const value = values[kebab(key)]
      if (value !== undefined) given[key] = value
    }
    return { config: values['config'], settings: given }
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error))
  }
}

function readEnv(settings: readonly string[], { env, envPrefix }: ConfigSources): Record<string, string> {
  const names = new Map(
    settings.map((key) => [`${envPrefix}_${kebab(key).replaceAll('-', '_').toUpperCase()}`, key]),
  )
  const given: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(`${envPrefix}_`) || value === undefined) continue
    const key = names.get(name)
    if (key === undefined) throw new ConfigError(`${name}: no such setting`)
    given[key] = value
  }
  return given
}

function readFile(settings: readonly string[], path: string): Record<string, unknown> {
  let values: unknown
  try {
    values = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new ConfigError(`--config ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new ConfigError(`--config ${path}: must hold one JSON object`)
  }
  for (const key of Object.keys(values)) {
    if (!settings.includes(key)) throw new ConfigError(`--config ${path}: no such setting: ${key}`)
  }
  return values as Record<string, unknown>
}

/** Flags and environment are text: read each as the type that its setting has. */
function typed(schema: ConfigSchema, values: Readonly<Record<string, string>>): Record<string, unknown> {
  const properties = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }).properties ?? {}
  return Object.fromEntries(
    Object.entries(values).map(([key, text]) => [key, readText(text, properties[key])]),
  )
}

function readText(text: string, property: unknown): unknown {
  switch (typeOf(property)) {
    case 'number':
    case 'integer':
      return text.trim() === '' ? text : Number(text)
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'array':
      if (text === '') return []
      return isOfObjects(property) ? readJson(text) : text.split(',')
    case 'object':
      return readJson(text)
    default:
      return text
  }
}

function typeOf(property: unknown): unknown {
  return typeof property === 'object' && property !== null && 'type' in property ? property.type : undefined
}

function isOfObjects(property: unknown): boolean {
  return (
    typeof property === 'object' &&
    property !== null &&
    'items' in property &&
    typeOf(property.items) === 'object'
  )
}

/** What is no JSON stays text, for the schema to refuse. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
