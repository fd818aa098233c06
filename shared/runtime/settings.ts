import type { z } from 'zod'
import { type ConfigSchema, isSecret, readConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { configHelp } from './config-help.ts'
import type { Host } from './lifecycle.ts'

/** What a program is started with. */
export interface Program<S extends ConfigSchema> {
  readonly name: string
  readonly schema: S
  readonly envPrefix: string
}

/**
 * The settings of a program; does not return where it was only asked for `--help` or `--print-config`, or where a
 * setting is wrong: then its name is on standard error and the exit code is 2.
 */
export function settingsOrExit<S extends ConfigSchema>(
  { name, schema, envPrefix }: Program<S>,
  host: Pick<Host, 'argv' | 'env' | 'stdout' | 'exit'> & { readonly stderr: Host['stdout'] },
): z.output<S> {
  const args = host.argv.slice(2)
  if (args.includes('--help')) {
    host.stdout.write(configHelp(name, schema, envPrefix))
    return host.exit(0)
  }
  try {
    const argv = args.filter((arg) => arg !== '--print-config')
    const settings = readConfig(schema, { argv, env: host.env, envPrefix })
    if (argv.length === args.length) return settings
    host.stdout.write(`${printed(settings)}\n`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    host.stderr.write(`${error.message}\n`)
    return host.exit(2)
  }
  return host.exit(0)
}

/** As a file for `--config`, without secrets. */
function printed(settings: object): string {
  const shown = Object.entries(settings).filter(([key]) => !isSecret(key))
  return JSON.stringify(Object.fromEntries(shown), null, 2)
}
