import { parseArgs } from 'node:util'
import { type Bench, type Comparison, cpuRatio, rate, rateRatio, type Spread, spread } from './bench.ts'
import { estimateBench } from './estimate.ts'
import { ingestBench } from './ingest.ts'
import { wireBench } from './wire.ts'

/** Every benchmark there is, in the order run. */
const benches: Readonly<Record<string, Bench>> = {
  estimate: estimateBench,
  ingest: ingestBench,
  wire: wireBench,
}

const { values, positionals } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    'run-ms': { type: 'string', default: '1000' },
    help: { type: 'boolean', short: 'h', default: false },
  },
  allowPositionals: true,
})

if (values.help) {
  const names = Object.entries(benches).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  process.stdout.write(
    `node bench/main.ts [names] [--rounds 7] [--run-ms 1000] [--json]\n\n${names.join('\n')}\n`,
  )
  process.exit(0)
}

const options = { rounds: positive('rounds'), runMs: positive('run-ms') }
const names = positionals.length === 0 ? Object.keys(benches) : positionals
const comparisons: Comparison[] = []
for (const name of names) {
  const bench = benches[name]
  if (bench === undefined) fail(`there is no benchmark "${name}", only: ${Object.keys(benches).join(', ')}`)
  if (!values.json) process.stderr.write(`${name}: ${bench.summary}\n`)
  comparisons.push(...(await bench.run(options)))
}
process.stdout.write(
  values.json ? `${JSON.stringify(comparisons.map(report), null, 2)}\n` : table(comparisons),
)

function report(comparison: Comparison) {
  const { name, unit, rounds } = comparison
  return {
    name,
    unit,
    rounds: rounds.length,
    rateRatio: rateRatio(comparison),
    serverCpuRatio: cpuRatio(comparison),
    echoPerSecond: spread(rounds.map(({ echo }) => rate(echo))),
    foresizePerSecond: spread(rounds.map(({ foresize }) => rate(foresize))),
  }
}

/** The rates say something of this machine only; the ratios are what to compare. */
function table(all: readonly Comparison[]): string {
  const rows = [
    ['against a bare gRPC echo server', 'rate', '', 'server CPU each', '', 'here and now'],
    ...all.map((comparison) => {
      const { foresizePerSecond, unit, name, rateRatio, serverCpuRatio } = report(comparison)
      return [
        name,
        `${rateRatio.median.toFixed(2)} ×`,
        range(rateRatio),
        `${serverCpuRatio.median.toFixed(2)} ×`,
        range(serverCpuRatio),
        `${Math.round(foresizePerSecond.median).toLocaleString('en')} ${unit}/s`,
      ]
    }),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function range({ min, max }: Spread): string {
  return `${min.toFixed(2)}–${max.toFixed(2)}`
}

function positive(name: 'rounds' | 'run-ms'): number {
  const value = Number(values[name])
  if (!(value >= 1 && value <= 1e6)) fail(`--${name} must be a number from 1`)
  return Math.round(value)
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
