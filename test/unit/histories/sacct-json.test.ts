import { expect, test } from 'vitest'
import { sacctJson } from '../../../cli/histories/sacct-json.ts'
import { readLog } from '../../support/read-log.ts'

const MiB = 2 ** 20

const step = (total: unknown, state: unknown = 'COMPLETED') => ({
  state,
  tasks: { count: 2 },
  time: { total: { seconds: 3, microseconds: 500_000 } },
  tres: {
    requested: {
      max: [{ type: 'mem', count: 50 * MiB }],
      total: total === undefined ? [] : [{ type: 'mem', count: total }],
    },
  },
})

/** As Slurm 22.05 writes it: plain numbers, one state. */
const older = {
  job_id: 7,
  array: { job_id: 0, task_id: null },
  name: 'align',
  comment: { job: 'input_bytes=5' },
  partition: 'main',
  state: { current: 'COMPLETED' },
  required: { CPUs: 2, memory: 9e18 },
  restart_cnt: 1,
  time: {
    elapsed: 7,
    submission: 1000,
    start: 1010,
    end: 1017,
    limit: 5,
    total: { seconds: 0, microseconds: 0 },
  },
  tres: { requested: [{ type: 'mem', count: 400 }], allocated: [{ type: 'cpu', count: 2 }] },
  steps: [step(80 * MiB), step(undefined)],
}

/** As Slurm 23.11 writes it: numbers in a wrapping, states in a list. */
const set = (number: number) => ({ set: true, infinite: false, number })
const newer = {
  ...older,
  job_id: 8,
  array: { job_id: 6, task_id: set(3) },
  comment: { job: 'a "quoted" {brace}' },
  state: { current: ['FAILED'], reason: 'None' },
  exit_code: { status: ['SIGNALED'], return_code: set(0), signal: { id: set(125) } },
  time: { ...older.time, limit: { set: false, infinite: true, number: 0 } },
  steps: [step(90 * MiB, ['OUT_OF_MEMORY'])],
}

const document = (jobs: readonly unknown[], indent?: number) =>
  JSON.stringify(
    { meta: { plugin: { type: 'x' }, slurm: { version: {} } }, errors: [{ jobs: 1 }], jobs, warnings: [] },
    null,
    indent,
  )

test.each([
  ['in one line', undefined, 10_000],
  ['indented', 1, 10_000],
  ['in pieces', 1, 1],
])('jobs with their steps, whatever the version, %s', (_, indent, piece) => {
  const text = document([older, newer, { ...older, state: { current: 'RUNNING' } }], indent)
  expect(sacctJson.matches(text)).toBe(true)
  const { executions, faults, skipped } = readLog(sacctJson, text, 'log', piece)
  expect([faults, skipped]).toEqual([[], 1])
  expect(executions[0]).toMatchObject({
    task: 'align',
    attempt: 2,
    features: { input_bytes: 5 },
    labels: { queue: 'main' },
    requested: { memoryBytes: 400 * MiB, cpuCores: 2, durationMs: 300_000 },
    used: { memoryBytes: 100 * MiB, durationMs: 7000, cpuCores: 1 },
    outcome: 'succeeded',
    startedAtMs: 1_010_000,
    endedAtUnixMs: 1_017_000,
  })
  expect(executions[1]).toMatchObject({ outcome: 'out-of-memory', used: { memoryBytes: 90 * MiB } })
  expect(executions[1]?.requested.durationMs).toBeUndefined()
  expect(executions[1]?.id).not.toBe(executions[0]?.id)
})

test('what cannot be read is named by the line in which it begins', () => {
  const text = `{"jobs": [\n{"name": "x"},\n{"job_id": 5, "state": {"current": 7.5, }},\n${JSON.stringify(older)},\n{"job_id": 9`
  const { executions, faults } = readLog(sacctJson, text)
  expect(executions).toHaveLength(1)
  expect(faults[0]).toBe('2: has no job_id')
  expect(faults[1]).toMatch(/^3: .*JSON/)
  expect(faults[2]).toBe('5: the file ends within an entry')
})

test.each([[10_000], [1]])('an entry that is no job is counted by its line, in pieces of %d', (piece) => {
  const text = `{"jobs": [\nnull,\n7, "a, ]",\n[{"job_id": 1}],\n${JSON.stringify(older)}\n,{}]}`
  const { executions, faults } = readLog(sacctJson, text, 'log', piece)
  expect(executions).toHaveLength(1)
  const noJob = 'is no object, as a job is'
  expect(faults).toEqual([...[2, 3, 3, 4].map((line) => `${line}: ${noJob}`), '6: has no job_id'])
})
