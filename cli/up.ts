import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, flag, text } from './command.ts'
import { defaultAddresses } from './defaults.ts'
import { embeddedStoreFlags, type RunningService, readable, startService } from './pair.ts'

export const up: Command = {
  summary: 'Starts the profiler and the estimator, each a process of its own, on the embedded store.',
  usage: 'up [options]',
  details: `
Both stop, the estimator first, on SIGINT or SIGTERM. Each is started alone by
  node services/profiler/main.ts --help
  node services/estimator/main.ts --help
`,
  options: {
    'data-dir': {
      type: 'string',
      value: 'FOLDER',
      description: 'where profiles are kept (default .foresize)',
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
    quiet: { type: 'boolean', short: 'q', description: "do not show the services' logs" },
  },

  async run(input) {
    const folder = resolve(text(input, 'data-dir') ?? '.foresize')
    mkdirSync(folder, { recursive: true })
    const profilerListen = text(input, 'profiler-listen') ?? defaultAddresses.profiler
    const estimatorListen = text(input, 'estimator-listen') ?? defaultAddresses.estimator
    const onLog = (line: string) => {
      if (!flag(input, 'quiet')) input.err(`${process.stderr.isTTY ? readable(line) : line}\n`)
    }
    const services: RunningService[] = []
    let stop = () => {}
    const isStopped = new Promise<string>((resolve) => {
      stop = () => resolve('signal')
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop())
    try {
      services.push(
        await startService({
          service: 'profiler',
          listen: profilerListen,
          flags: [...embeddedStoreFlags(folder), ...metricsFlags(text(input, 'profiler-metrics'))],
          onLog,
        }),
      )
      services.push(
        await startService({
          service: 'estimator',
          listen: estimatorListen,
          flags: ['--profiler', profilerListen, ...metricsFlags(text(input, 'estimator-metrics'))],
          onLog,
        }),
      )
      input.out(`profiler   ${profilerListen}\nestimator  ${estimatorListen}\nprofiles   ${folder}\n`)
      input.out('Ready. Ctrl-C stops both.\n')
      const ended = services.map(({ ended }, i) => ended.then(() => (i === 0 ? 'profiler' : 'estimator')))
      const reason = await Promise.race([isStopped, ...ended])
      if (reason !== 'signal') input.err(`foresize up: the ${reason} ended by itself; stopping\n`)
      return reason === 'signal' ? 0 : 1
    } finally {
      for (const service of services.toReversed()) await service.stop()
    }
  },
}

function metricsFlags(listen: string | undefined): readonly string[] {
  return listen === undefined ? [] : [`--metrics-listen=${listen}`]
}
