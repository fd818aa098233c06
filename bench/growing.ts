import { queryOf, recordOf } from '../cli/evaluate/records.ts'
import { defaultPair } from '../cli/evaluate/timed-pair.ts'
import { table } from '../cli/table.ts'
import { draws } from './draws.ts'

/** Series in which each input is larger than all before it, so that every query is beyond what was seen. */
const megabyte = 1e6
const laws: readonly ((input: number) => number)[] = [
  (x) => 3 * x,
  (x) => 100 * megabyte + 3 * x,
  (x) => 5e4 * x ** 0.5,
  (x) => 1e-3 * x ** 1.5,
  () => 500 * megabyte,
]
const steps = [1.002, 1.01, 1.02, 1.05, 1.1]
const scatters = [0.01, 0.05]
const seeds = [1, 2, 3]
const firstInput = 10 * megabyte
const mostExecutions = 150
/** No input is larger than so many times the first. */
const mostGrowth = 3000
const firstAsked = 5

interface Play {
  asked: number
  wasted: number
  failed: number
  promised: number
}

function play(step: number, even: boolean): Play {
  const total: Play = { asked: 0, wasted: 0, failed: 0, promised: 0 }
  const executions = Math.min(mostExecutions, Math.floor(Math.log(mostGrowth) / Math.log(step)))
  for (const lawOf of laws)
    for (const scatter of scatters)
      for (const seed of seeds) {
        const { normal: noise } = draws(seed)
        const { normal: growth } = draws(seed + 77)
        const pair = defaultPair(4e9)
        let input = firstInput
        for (let i = 0; i < executions; i++) {
          // The mean of |normal| is 0.8.
          input *= step ** (even ? 1 : 1.25 * Math.abs(growth()))
          const need = lawOf(input) * Math.exp(scatter * noise())
          const row = {
            task: 'growing',
            completed: true,
            features: { input_bytes: input },
            labels: {},
            peakMemoryBytes: need,
            durationMs: 60_000,
          }
          if (i >= firstAsked) book(total, row, need)
          pair.report(recordOf(row, `e${i}`, false), 0)
        }

        function book(play: Play, row: Parameters<typeof queryOf>[0], need: number): void {
          let answer = pair.estimate(queryOf(row, {}, false))
          play.asked++
          play.promised += answer.confidence
          for (let attempt = 2; ; attempt++) {
            const given = answer.resources.memoryBytes ?? 0
            if (given >= need) {
              play.wasted += given / need - 1
              return
            }
            if (attempt === 2) play.failed++
            play.wasted += given / need
            answer = pair.estimate(queryOf(row, {}, false, attempt, given))
          }
        }
      }
  return total
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`
const rows = steps.flatMap((step) => [true, false].map((even) => ({ step, even, of: play(step, even) })))
process.stdout.write(
  table(
    [
      {
        title: 'larger each time',
        value: ({ step, even }) => `${percent(step - 1)}${even ? '' : ' on average'}`,
      },
      { title: 'wasted / need', align: 'right', value: ({ of }) => (of.wasted / of.asked).toFixed(3) },
      { title: 'failed', align: 'right', value: ({ of }) => percent(of.failed / of.asked) },
      { title: 'expected', align: 'right', value: ({ of }) => percent(1 - of.promised / of.asked) },
    ],
    rows,
  ),
)
