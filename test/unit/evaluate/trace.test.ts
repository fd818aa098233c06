import { expect, test } from 'vitest'
import { readTrace, TraceError } from '../../../cli/evaluate/trace.ts'

const everything = { ignoreInput: false, limit: 1000 }

const text = `task,submit_ms,duration_ms,peak_memory_bytes,requested_memory_bytes,cpu_cores_avg,cpu_cores_requested,input_bytes,attempt,status,group,features
a:b,1000,2000,3e9,4e9,0.5,1,5e6,1,completed,g,"{""tag"":""x, y"",""n"":2,""time_limit_ms"":60000,""execution"":""a#1""}"
c,,,1e9,,,,,2,failed:137,g,
`

test('reads every column; blank is unknown', () => {
  const [first, second] = readTrace(text, everything)

  expect(first).toEqual({
    line: 2,
    status: 'completed',
    attempt: 1,
    task: 'a:b',
    submitMs: 1000,
    durationMs: 2000,
    peakMemoryBytes: 3e9,
    requestedMemoryBytes: 4e9,
    cpuCores: 0.5,
    requestedCpuCores: 1,
    requestedDurationMs: 60_000,
    completed: true,
    features: { input_bytes: 5e6, n: 2 },
    labels: { tag: 'x, y' },
  })
  expect(second).toMatchObject({
    task: 'c',
    completed: false,
    peakMemoryBytes: 1e9,
    features: {},
    labels: {},
  })
  expect(second?.durationMs).toBeUndefined()
})

test('leaves the input out where it is not to be trusted, and stops at the limit', () => {
  const rows = readTrace(text, { ignoreInput: true, limit: 1 })

  expect(rows).toHaveLength(1)
  expect(rows[0]?.features).toEqual({ n: 2 })
})

test('columns come in any order, only the task must be there; Windows line ends and a BOM do not matter', () => {
  const rows = readTrace('\uFEFFpeak_memory_bytes,task\r\n1e9,x\r\n\r\n2e9,y\r\n', everything)

  expect(rows.map(({ task, peakMemoryBytes }) => [task, peakMemoryBytes])).toEqual([
    ['x', 1e9],
    ['y', 2e9],
  ])
})

test.each([
  ['peak\n1', 'line 1'],
  ['task,peak_memory_bytes\na,1\nb,-1', 'line 3: peak_memory_bytes'],
  ['task,peak_memory_bytes\na,much', 'line 2: peak_memory_bytes'],
  ['task,duration_ms\n,1', 'line 2: task'],
  ['task,features\na,[1]', 'line 2: features'],
  ['task,features\na,{', 'line 2: features'],
])('what cannot be read is refused by line: %j', (bad, message) => {
  expect(() => readTrace(bad, everything)).toThrow(TraceError)
  expect(() => readTrace(bad, everything)).toThrow(message)
})

test('a quoted field may hold a line break', () => {
  const rows = readTrace('task,status\n"two\nlines",completed\nb,\n', everything)

  expect(rows.map(({ task }) => task)).toEqual(['two\nlines', 'b'])
})
