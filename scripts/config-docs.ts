import { readFileSync, writeFileSync } from 'node:fs'
import { estimatorConfig, estimatorEnvPrefix } from '../services/estimator/config.ts'
import { gatewayConfig, gatewayEnvPrefix } from '../services/gateway/config.ts'
import { admissionConfig, admissionEnvPrefix } from '../services/kubernetes/admission/config.ts'
import { agentConfig, agentEnvPrefix } from '../services/kubernetes/agent/config.ts'
import { profilerConfig, profilerEnvPrefix } from '../services/profiler/config.ts'
import { type ConfigSchema, describeConfig } from '../shared/runtime/config.ts'

/** docs/config.md, printed from the schemas: `--write` puts it there, `--check` fails where it is not current. */
const path = new URL('../docs/config.md', import.meta.url)

const services = [
  ['Profiler', 'services/profiler/main.ts', profilerConfig, profilerEnvPrefix],
  ['Estimator', 'services/estimator/main.ts', estimatorConfig, estimatorEnvPrefix],
  ['Gateway', 'services/gateway/main.ts', gatewayConfig, gatewayEnvPrefix],
  ['Admission webhook', 'services/kubernetes/admission/main.ts', admissionConfig, admissionEnvPrefix],
  ['Node agent', 'services/kubernetes/agent/main.ts', agentConfig, agentEnvPrefix],
] as const satisfies readonly (readonly [string, string, ConfigSchema, string])[]

const intro = `# Settings

<!-- Printed by \`make docs\` from the schemas of the services. Do not edit. -->

A setting comes from a flag, else from the environment, else from a file (\`--config FILE.json\`, one JSON object whose
keys are the setting's name in camel case: \`drainMs\` for \`--drain-ms\`), else it has its default. Lists are separated by
commas on the command line and in the environment. A setting that does not exist is refused wherever it is named, and
so is any environment variable that begins with the service's prefix and names no setting.
`

const cell = (text: string) => text.replaceAll('|', '\\|')

function section([title, entry, schema, prefix]: (typeof services)[number]): string {
  const rows = describeConfig(schema, prefix).map(
    ({ flag, env, default: fallback, description }) =>
      `| \`${flag}\` | \`${env}\` | \`${cell(fallback)}\` | ${cell(description)} |`,
  )
  return [
    `## ${title}: \`${entry}\``,
    '',
    '| flag | environment | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

const text = [intro, ...services.map(section)].join('\n')

switch (process.argv[2]) {
  case '--write':
    writeFileSync(path, text)
    break
  case '--check':
    if (readFileSync(path, 'utf8') !== text) {
      process.stderr.write("docs/config.md is not what the schemas say: run 'make docs'\n")
      process.exitCode = 1
    }
    break
  default:
    process.stderr.write('config-docs.ts --write | --check\n')
    process.exitCode = 2
}
