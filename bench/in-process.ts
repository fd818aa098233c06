import { queryOf, recordOf } from '../cli/evaluate/records.ts'
import { defaultPair, timedPair, warmUp } from '../cli/evaluate/timed-pair.ts'
import { unguarded } from '../services/estimator/domain/ensemble/guard.ts'
import { fitTask } from '../services/estimator/domain/ensemble/task-model.ts'
import { createWorkspace } from '../services/estimator/domain/ensemble/workspace.ts'
import { strategies } from '../services/estimator/domain/strategies/index.ts'
import { type Spread, spread } from './bench.ts'

const executions = 96
const doubles = Float64Array.from({ length: 10_000 }, (_, i) => i)
const rounds = 20

/** Asked in turn, they do not fit into the processor's nearer caches. */
const tasksInTurn = 100

/** Memory, CPU and time that go with the input, each in its own way, and scatter. */
function rowOf(i: number, task = 'in-process', inputBytes = 1e6 * (1 + ((i * 7919) % 97))) {
  const scatter = 1 + 0.2 * Math.sin(i * 99)
  return {
    task,
    completed: true,
    features: { input_bytes: inputBytes, threads: 1 + (i % 4) },
    labels: { tool: `tool-${i % 2}` },
    peakMemoryBytes: (1e8 + 3 * inputBytes) * scatter,
    durationMs: (1000 + inputBytes / 1e3) * scatter,
    cpuCores: (1 + (i % 4)) * (1 - 0.1 * scatter),
  }
}

/**
 * The estimator's work by itself, in µs and as ratios to one pass through 10,000 doubles: three
 * dimensions, a full ring. An update at every place in the ring, so that the drop of its oldest block is among them.
 */
export async function inProcess(): Promise<
  readonly { readonly name: string; readonly us: Spread; readonly p99Us: number; readonly passes: number }[]
> {
  warmUp()
  const pair = timedPair(defaultPair(4e9))
  const learning = { registry: strategies, guard: unguarded, workspace: createWorkspace() }
  let next = 0
  const report = () => pair.report(recordOf(rowOf(next), `e${next++}`, false))
  while (next < executions) await report()
  const history = Array.from({ length: executions }, (_, i) => recordOf(rowOf(i), `e${i}`, false))
  const passUs: number[] = []
  const replayUs: number[] = []
  const inTurn = await manyTasks()
  const before = { estimates: pair.timings.estimateUs.length, updates: pair.timings.updateUs.length }
  for (let round = 0; round < rounds; round++) {
    passUs.push(...Array.from({ length: 20 }, () => timed(addUp)))
    replayUs.push(...Array.from({ length: 5 }, () => timed(() => fitTask(history, learning))))
    for (let i = 0; i < 32; i++) {
      await pair.estimate(Array.from({ length: 4 }, (_, k) => queryOf(rowOf(7 * i + k), {}, false)))
      await report()
    }
    await inTurn.ask()
  }
  const pass = spread(passUs).median
  const row = (name: string, us: readonly number[]) => {
    const sorted = us.toSorted((a, b) => a - b)
    const p99Us = sorted[Math.floor(0.99 * (sorted.length - 1))] ?? Number.NaN
    return { name, us: spread(us), p99Us, passes: spread(us).median / pass }
  }
  return [
    row('a pass through 10,000 doubles', passUs),
    row('estimate', pair.timings.estimateUs.slice(before.estimates)),
    row(`estimate, ${tasksInTurn} tasks in turn`, inTurn.us()),
    row('update', pair.timings.updateUs.slice(before.updates)),
    row(`learning ${executions} executions anew`, replayUs),
  ]
}

/** Tasks that are known well; `ask` asks for each of them, a size that was never asked for before. */
async function manyTasks() {
  const pair = timedPair(defaultPair(4e9))
  const taskOf = (i: number) => `task-${i % tasksInTurn}`
  for (let i = 0; i < executions * tasksInTurn; i++)
    await pair.report(recordOf(rowOf(Math.floor(i / tasksInTurn), taskOf(i)), `e${i}`, false))
  let asked = 0
  const queries = () =>
    Array.from({ length: tasksInTurn }, () => {
      asked++
      return queryOf(rowOf(asked, taskOf(asked), 1e6 + ((asked * 791_933) % 96e6)), {}, false)
    })
  // Once unmeasured: what a model remembers for queries is made at the first.
  await pair.estimate(queries())
  const before = pair.timings.estimateUs.length
  return { ask: () => pair.estimate(queries()), us: () => pair.timings.estimateUs.slice(before) }
}

function addUp(): number {
  let sum = 0
  for (let i = 0; i < doubles.length; i++) sum += doubles[i] as number
  return sum
}

function timed(run: () => unknown): number {
  const startMs = performance.now()
  run()
  return (performance.now() - startMs) * 1000
}
