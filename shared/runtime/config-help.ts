import { type ConfigSchema, describeConfig } from './config.ts'

/** What `--help` prints: each setting with its flag, environment variable, default and description. */
export function configHelp(program: string, schema: ConfigSchema, envPrefix: string): string {
  const settings = describeConfig(schema, envPrefix)
  const width = Math.max(...settings.map(({ flag }) => flag.length))
  const lines = settings.map(
    (setting) =>
      `  ${setting.flag.padEnd(width)}  ${setting.description} (default ${setting.default}; ${setting.env})`,
  )
  return [
    `${program}: flags win over the environment, the environment over --config FILE.json`,
    '--print-config prints what is in force, without secrets',
    '',
    ...lines,
    '',
  ].join('\n')
}
