import { expect, test } from 'vitest'
import { HistoryError } from '../../../cli/histories/history.ts'
import { traceCsv } from '../../../cli/histories/trace-csv.ts'
import { readLog } from '../../support/read-log.ts'

test('every column is read; blank is unknown, and so is zero in a measured one', () => {
  const text = `task,submit_ms,duration_ms,peak_memory_bytes,requested_memory_bytes,cpu_cores_avg,cpu_cores_requested,input_bytes,attempt,status,group,features
a:b,1000,2000,3e9,4e9,0.5,1,5e6,1,completed,g,"{""tag"":""x, y"",""n"":2,""time_limit_ms"":60000,""execution"":""a#1""}"
c,,0,1e9,,,,,2,failed:137,g,
`
  expect(traceCsv.matches(text)).toBe(true)
  const { executions } = readLog(traceCsv, text)
  expect(executions[0]).toMatchObject({
    line: 2,
    task: 'a:b',
    attempt: 1,
    features: { input_bytes: 5e6, n: 2 },
    labels: { tag: 'x, y' },
    requested: { memoryBytes: 4e9, cpuCores: 1, durationMs: 60_000 },
    used: { memoryBytes: 3e9, durationMs: 2000, cpuCores: 0.5 },
    outcome: 'succeeded',
    startedAtMs: 1000,
    endedAtUnixMs: 3000,
  })
  expect(executions[1]).toMatchObject({ task: 'c', used: { memoryBytes: 1e9 }, features: {}, labels: {} })
  expect(executions[1]?.used.durationMs).toBeUndefined()
})

test('columns come in any order, only the task must be there; Windows line ends and a BOM do not matter', () => {
  const text = '\uFEFFpeak_memory_bytes,task\r\n1e9,x\r\n\r\n2e9,y\r\n'
  expect(traceCsv.matches(text)).toBe(true)
  const { executions } = readLog(traceCsv, text)
  expect(executions.map(({ task, used }) => [task, used.memoryBytes])).toEqual([
    ['x', 1e9],
    ['y', 2e9],
  ])
})

test('rows that are the same are executions of their own, with the same ids every time', () => {
  const text =
    'task,submit_ms,duration_ms,peak_memory_bytes,status\na,1000,500,7,completed\na,1000,500,7,completed\na,,,,failed:1\n'
  const ids = readLog(traceCsv, text).executions.map(({ id }) => id)
  expect(new Set(ids).size).toBe(3)
  expect(readLog(traceCsv, text, 'log', 3).executions.map(({ id }) => id)).toEqual(ids)
})

test.each([
  ['', 'succeeded'],
  ['failed:oom', 'out-of-memory'],
  ['failed:137', 'out-of-memory'],
  ['failed:timeout', 'timed-out'],
  ['failed:cancelled', 'cancelled'],
  ['failed:preempted', 'evicted'],
  ['failed:1', 'failed'],
])('a status of %j: %s', (status, outcome) => {
  const text = `task,status,peak_memory_bytes,requested_memory_bytes\na,${status},10,10\n`
  expect(readLog(traceCsv, text).executions[0]?.outcome).toBe(outcome)
})

test('a quoted field may hold line breaks; an entry is called by the line in which it begins', () => {
  const { executions } = readLog(traceCsv, 'task,status\n"two\nlines",completed\nb,\n', 'log', 5)
  expect(executions.map(({ task, line }) => [task, line])).toEqual([
    ['two\nlines', 2],
    ['b', 4],
  ])
})

test.each([
  ['task,peak_memory_bytes\na,1\nb,-1\n', '3: peak_memory_bytes must be a number from 0, was "-1"'],
  ['task,peak_memory_bytes\na,much\n', '2: peak_memory_bytes must be a number from 0, was "much"'],
  ['task,duration_ms\n,1\n', '2: task is empty'],
  ['task,features\na,[1]\n', '2: features must be one JSON object'],
  ['task,features\na,{\n', '2: features must be one JSON object'],
  ['task\n"\n', '2: a quoted field does not end'],
])('what cannot be read is named by line: %j', (text, fault) => {
  expect(readLog(traceCsv, text).faults).toEqual([fault])
})

test('a header without a task is refused whole', () => {
  expect(() => readLog(traceCsv, 'peak\n1')).toThrow(HistoryError)
  expect(() => readLog(traceCsv, 'peak\n1')).toThrow('line 1')
})
