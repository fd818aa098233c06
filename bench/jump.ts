import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { distanceClasses, type Jump, jump, scoreJumps, splitBySize } from '../cli/evaluate/jump.ts'
import { defaultPair, timedPair } from '../cli/evaluate/timed-pair.ts'
import { readTrace } from '../cli/evaluate/trace.ts'
import { readNaming } from '../cli/histories/naming.ts'
import { table } from '../cli/table.ts'

/**
 * Answers beyond the range seen: each task's smaller half by input size is learned, its larger half is asked; the other way
 * round with `--smaller`.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    traces: { type: 'string', default: fileURLToPath(new URL('../../shared/traces', import.meta.url)) },
    feature: { type: 'string', default: 'input_bytes' },
    smaller: { type: 'boolean', default: false },
  },
})
const chosen = ['lotaru_nfcore', 'kseg_eager', 'galaxy_main', 'galaxy_eu_mapping']
const names = positionals.length > 0 ? positionals : chosen

const found: (Jump & { readonly trace: string })[] = []
for (const trace of names) {
  const settings = { format: 'trace', naming: readNaming({ values: {} }) }
  const { rows } = await readTrace(join(values.traces, `${trace}.csv.gz`), settings)
  const pair = timedPair(defaultPair(4e9))
  const jumps = await jump(
    splitBySize(rows, values.feature, values.smaller ? 'smaller' : 'larger'),
    values.feature,
    pair,
  )
  await pair.close()
  found.push(...jumps.map((one) => ({ ...one, trace })))
}

/** Tasks in turn, so that what was chosen on one half can be confirmed on the other. */
const tasks = [...new Set(found.map(({ trace, task }) => `${trace}/${task}`))]
const halfOf = ({ trace, task }: (typeof found)[number]) => tasks.indexOf(`${trace}/${task}`) % 2

const groups: { readonly name: string; readonly jumps: readonly Jump[] }[] = [
  ...distanceClasses.map(([above, upTo]) => ({
    name: upTo === undefined ? `above ${above} x` : `${above} to ${upTo} x`,
    jumps: found.filter(({ times }) => times > above && (upTo === undefined || times <= upTo)),
  })),
  { name: '1 to 3 x', jumps: found.filter(({ times }) => times <= 3) },
  ...[0, 1].map((half) => ({
    name: `half ${half + 1} of the tasks`,
    jumps: found.filter((one) => halfOf(one) === half),
  })),
  ...names.map((name) => ({ name, jumps: found.filter(({ trace }) => trace === name) })),
  { name: 'all', jumps: found },
]

const percent = (share: number) => `${(100 * share).toFixed(1)} %`
process.stdout.write(
  table(
    [
      { title: 'asked at', value: ({ name }) => name },
      { title: 'answers', align: 'right', value: ({ score }) => String(score.asked) },
      { title: 'sufficed', align: 'right', value: ({ score }) => percent(score.sufficed) },
      { title: 'promised', align: 'right', value: ({ score }) => percent(score.promised) },
      { title: 'given / need', align: 'right', value: ({ score }) => score.median_given_per_need.toFixed(2) },
    ],
    groups.flatMap(({ name, jumps }) => {
      const score = scoreJumps(jumps)
      return score === undefined ? [] : [{ name, score }]
    }),
  ),
)
