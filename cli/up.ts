import { accessSync, constants } from 'node:fs'
import { isConsoleBuilt } from '../services/gateway/console-files.ts'
import { makeFolder } from '../shared/runtime/folder.ts'
import { causeOf } from './cause.ts'
import { type Command, type CommandInput, flag, text } from './command.ts'
import { dataFolderOf, earlierFolder } from './data-folder.ts'
import { defaultAddresses } from './defaults.ts'
import { readAddress } from './options.ts'
import { embeddedStoreFlags, type RunningService, readable, startService } from './pair.ts'

export const up: Command = {
  summary: 'Starts profiler, estimator and gateway, each a process of its own, on the embedded store.',
  usage: 'up [options]',
  details: `
All stop, the gateway first, on SIGINT or SIGTERM. The gateway is for callers over HTTP; without it
(--gateway-listen '') the others serve as ever. Each is started alone by
  node services/profiler/main.ts --help
  node services/estimator/main.ts --help
  node services/gateway/main.ts --help
`,
  options: {
    'data-dir': {
      type: 'string',
      value: 'FOLDER',
      description: 'where profiles are kept (default $XDG_DATA_HOME/foresize, else ~/.local/share/foresize)',
    },
    'profiler-listen': {
      type: 'string',
      value: 'ADDRESS',
      description: `default ${defaultAddresses.profiler}`,
    },
    'estimator-listen': {
      type: 'string',
      value: 'ADDRESS',
      description: `default ${defaultAddresses.estimator}`,
    },
    'gateway-listen': {
      type: 'string',
      value: 'ADDRESS',
      description: `default ${defaultAddresses.gateway}; empty: no gateway`,
    },
    'profiler-metrics': {
      type: 'string',
      value: 'ADDRESS',
      description: 'of /metrics; empty: none (default its own)',
    },
    'estimator-metrics': {
      type: 'string',
      value: 'ADDRESS',
      description: 'of /metrics; empty: none (default its own)',
    },
    'gateway-metrics': {
      type: 'string',
      value: 'ADDRESS',
      description: 'of /metrics; empty: none (default its own)',
    },
    quiet: { type: 'boolean', short: 'q', description: "do not show the services' logs" },
  },

  async run(input) {
    const folder = dataFolderOf(input)
    const profilerListen = readAddress(input, 'profiler-listen') ?? defaultAddresses.profiler
    const estimatorListen = readAddress(input, 'estimator-listen') ?? defaultAddresses.estimator
    const profilerMetrics = metricsFlags(input, 'profiler-metrics')
    const estimatorMetrics = metricsFlags(input, 'estimator-metrics')
    const gatewayListen =
      text(input, 'gateway-listen') === ''
        ? undefined
        : (readAddress(input, 'gateway-listen') ?? defaultAddresses.gateway)
    const gatewayMetrics = metricsFlags(input, 'gateway-metrics')
    prepare(folder)
    const onLog = (line: string) => {
      if (!flag(input, 'quiet')) input.err(`${process.stderr.isTTY ? readable(line) : line}\n`)
    }
    const services: RunningService[] = []
    let stop = () => {}
    const isStopped = new Promise<undefined>((resolve) => {
      stop = () => resolve(undefined)
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop())
    try {
      services.push(
        await startService({
          service: 'profiler',
          listen: profilerListen,
          flags: [...embeddedStoreFlags(folder), ...profilerMetrics],
          onLog,
        }),
      )
      services.push(
        await startService({
          service: 'estimator',
          listen: estimatorListen,
          flags: ['--profiler', profilerListen, ...estimatorMetrics],
          onLog,
        }),
      )
      if (gatewayListen !== undefined) {
        services.push(
          await startService({
            service: 'gateway',
            listen: gatewayListen,
            flags: ['--profiler', profilerListen, '--estimator', estimatorListen, ...gatewayMetrics],
            onLog,
          }),
        )
      }
      input.out(`profiler   ${profilerListen}\nestimator  ${estimatorListen}\n`)
      if (gatewayListen !== undefined) input.out(gatewayLines(gatewayListen))
      input.out(`profiles   ${folder}\n`)
      const earlier = earlierFolder(input)
      if (earlier !== undefined) {
        input.err(
          `foresize up: profiles of an earlier version are in ${earlier}; --data-dir goes on with them\n`,
        )
      }
      input.out('Ready. Ctrl-C stops all.\n')
      const death = await Promise.race([isStopped, ...services.map(({ ended }) => ended)])
      if (death === undefined) return 0
      input.err(`foresize up: the others are stopped too, since ${death}\n`)
      return 1
    } finally {
      for (const service of services.toReversed()) await service.stop()
    }
  },
}

/** Where the gateway is, and the console that it serves. */
export function gatewayLines(listen: string): string {
  const console = isConsoleBuilt() ? `http://${listen}/console/` : 'not built: make console'
  return `gateway    http://${listen}\nconsole    ${console}\n`
}

/** Throws where profiles cannot be kept there, before any service is started. */
function prepare(folder: string): void {
  try {
    makeFolder(folder)
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new Error(`--data-dir ${folder}: profiles cannot be kept there (${causeOf(error)})`)
  }
}

/** None where the option is not given: then the service's own default counts. */
function metricsFlags(input: CommandInput, name: string): readonly string[] {
  const listen = text(input, name) === '' ? '' : readAddress(input, name)
  return listen === undefined ? [] : [`--metrics-listen=${listen}`]
}
