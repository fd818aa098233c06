import { expect, test } from 'vitest'
import { gnuTime } from '../../../cli/import-history/gnu-time.ts'
import { nextflow, parseDuration, parseSize } from '../../../cli/import-history/nextflow.ts'
import { HistoryError, parseClock, parseTime } from '../../../cli/import-history/past-execution.ts'
import { parseMemory, parseRequest, sacct } from '../../../cli/import-history/sacct.ts'
import { traceCsv } from '../../../cli/import-history/trace-csv.ts'

const GiB = 2 ** 30
const rows = (separator: string, lines: readonly (readonly string[])[]) =>
  `${lines.map((line) => line.join(separator)).join('\n')}\n`

const nextflowText = rows('\t', [
  [
    'task_id',
    'hash',
    'native_id',
    'process',
    'name',
    'status',
    'exit',
    'submit',
    'complete',
    'realtime',
    '%cpu',
    'peak_rss',
    'cpus',
    'memory',
    'time',
    'attempt',
    'container',
  ],
  [
    '1',
    'ab/12',
    '77',
    'RNA:ALIGN',
    'RNA:ALIGN (s1)',
    'COMPLETED',
    '0',
    '2024-05-01 10:00:00.000',
    '2024-05-01 10:10:00.000',
    '9m 30s',
    '187.5%',
    '3.5 GB',
    '4',
    '8 GB',
    '2h',
    '1',
    'star:2.7',
  ],
  [
    '2',
    'cd/34',
    '78',
    'RNA:ALIGN',
    'RNA:ALIGN (s2)',
    'FAILED',
    '137',
    '2024-05-01 10:00:00.000',
    '2024-05-01 10:01:00.000',
    '55s',
    '90%',
    '7.9 GB',
    '4',
    '8 GB',
    '2h',
    '1',
    '-',
  ],
  [
    '3',
    'ef/56',
    '-',
    'RNA:QC',
    'RNA:QC (s1)',
    'CACHED',
    '0',
    '-',
    '-',
    '-',
    '-',
    '-',
    '1',
    '-',
    '-',
    '1',
    '-',
  ],
  [
    '4',
    '01/9a',
    '80',
    'RNA:QC',
    'RNA:QC (s2)',
    'ABORTED',
    '-',
    '-',
    '-',
    '-',
    '-',
    '-',
    '-',
    '-',
    '-',
    '-',
    '-',
  ],
])

test('a Nextflow trace: process, request, use, outcome, order', () => {
  const { executions, skipped } = nextflow.read(nextflowText, undefined)
  expect(skipped).toBe(1)
  expect(executions[0]).toMatchObject({
    task: 'RNA:ALIGN',
    labels: { workflow: 'RNA', image: 'star:2.7' },
    requested: { memoryBytes: 8 * GiB, cpuCores: 4, durationMs: 7_200_000 },
    used: { memoryBytes: 3.5 * GiB, cpuCores: 1.875, durationMs: 570_000 },
    outcome: 'succeeded',
    endedAtUnixMs: Date.UTC(2024, 4, 1, 10, 10),
  })
  expect(executions.map(({ outcome }) => outcome)).toEqual(['succeeded', 'out-of-memory', 'cancelled'])
  expect(executions[2]).toMatchObject({ used: {}, requested: {}, labels: { workflow: 'RNA' } })
})

test('the same row has the same id, another row another', () => {
  const ids = (text: string) => nextflow.read(text, undefined).executions.map(({ id }) => id)
  expect(ids(nextflowText)).toEqual(ids(nextflowText))
  expect(new Set(ids(nextflowText)).size).toBe(3)
})

test.each([
  ['1.5 GB', 1.5 * GiB],
  ['850 KB', 850 * 1024],
  ['12345', 12_345],
  ['-', undefined],
])('Nextflow writes %j', (text, bytes) => expect(parseSize(text)).toBe(bytes))

test.each([
  ['1h 2m 3s', 3_723_000],
  ['1d 1ms', 86_400_001],
  ['850ms', 850],
  ['4.5s', 4500],
  ['12345', 12_345],
  ['-', undefined],
])('a Nextflow duration of %j', (text, ms) => expect(parseDuration(text)).toBe(ms))

const sacctText = rows('|', [
  [
    'JobID',
    'JobName',
    'Partition',
    'State',
    'ElapsedRaw',
    'TotalCPU',
    'MaxRSS',
    'ReqMem',
    'AllocCPUS',
    'TimelimitRaw',
    'End',
  ],
  ['100', 'blast', 'short', 'COMPLETED', '60', '01:30.500', '', '4G', '2', '30', '2024-05-01T10:00:00'],
  ['100.batch', 'batch', '', 'COMPLETED', '60', '00:00.100', '2000K', '', '2', '', '2024-05-01T10:00:00'],
  ['100.0', 'blastn', '', 'COMPLETED', '59', '01:30.400', '3145728K', '', '2', '', '2024-05-01T10:00:00'],
  [
    '101',
    'blast',
    'short',
    'OUT_OF_MEMORY',
    '10',
    '00:09',
    '',
    '1000Mc',
    '2',
    'UNLIMITED',
    '2024-05-01T10:00:00',
  ],
  ['101.batch', 'batch', '', 'OUT_OF_MEMORY', '10', '00:09', '1990M', '', '2', '', '2024-05-01T10:00:00'],
  ['102', 'blast', 'short', 'CANCELLED by 1000', '5', '00:01', '', '0n', '2', '30', '2024-05-01T10:00:00'],
  ['103', 'blast', 'short', 'RUNNING', '5', '00:01', '', '4G', '2', '30', 'Unknown'],
])

test('sacct: a job is one execution, with the largest peak of its steps', () => {
  const { executions, skipped } = sacct.read(sacctText, undefined)
  expect(skipped).toBe(1)
  expect(executions[0]).toMatchObject({
    task: 'blast',
    labels: { queue: 'short' },
    requested: { memoryBytes: 4 * GiB, cpuCores: 2, durationMs: 1_800_000 },
    used: { memoryBytes: 3 * GiB, durationMs: 60_000 },
    outcome: 'succeeded',
    endedAtUnixMs: Date.UTC(2024, 4, 1, 10),
  })
  expect(executions[0]?.used.cpuCores).toBeCloseTo(90.5 / 60)
  expect(executions[1]).toMatchObject({
    outcome: 'out-of-memory',
    requested: { memoryBytes: 2000 * 2 ** 20 },
  })
  expect(executions[1]?.requested.durationMs).toBeUndefined()
  expect(executions[2]).toMatchObject({
    outcome: 'cancelled',
    requested: { cpuCores: 2, durationMs: 1_800_000 },
  })
})

test.each([
  ['4G', 2, 3, 4 * GiB],
  ['1Gc', 4, 3, 4 * GiB],
  ['1Gn', 4, 3, 3 * GiB],
  ['0n', 4, 3, undefined],
  ['', 4, 3, undefined],
])('a Slurm request of %j with %d cores on %d nodes', (text, cores, nodes, bytes) => {
  expect(parseRequest(text, cores, nodes)).toBe(bytes)
})

test('Slurm sizes', () => {
  expect([parseMemory('512K'), parseMemory('1.5G'), parseMemory('7'), parseMemory('x')]).toEqual([
    512 * 1024,
    1.5 * GiB,
    7,
    undefined,
  ])
})

const report = (command: string, exit: number) => `	Command being timed: "${command}"
	User time (seconds): 1.50
	System time (seconds): 0.50
	Elapsed (wall clock) time (h:mm:ss or m:ss): 0:04.00
	Maximum resident set size (kbytes): 2048
	Exit status: ${exit}
`

test('GNU time: several reports in a log, the signal above the one that it ended', () => {
  const text = `noise\n${report('/usr/bin/sort -k2 x', 0)}more noise\nCommand terminated by signal 9\n${report('sort y', 0)}Command exited with non-zero status 3\n${report('gzip z', 3)}`
  const { executions } = gnuTime.read(text, undefined)
  expect(executions.map(({ task, outcome }) => [task, outcome])).toEqual([
    ['sort', 'succeeded'],
    ['sort', 'failed'],
    ['gzip', 'failed'],
  ])
  expect(executions[0]?.used).toEqual({ durationMs: 4000, memoryBytes: 2048 * 1024, cpuCores: 0.5 })
  expect(gnuTime.read(text, 'mine').executions.every(({ task }) => task === 'mine')).toBe(true)
})

test('a trace: rows that are the same are executions of their own', () => {
  const text =
    'task,submit_ms,duration_ms,peak_memory_bytes,status\na,1000,500,7,completed\na,1000,500,7,completed\na,,,,failed:1\n'
  const { executions } = traceCsv.read(text, undefined)
  expect(new Set(executions.map(({ id }) => id)).size).toBe(3)
  expect(executions[0]).toMatchObject({ endedAtUnixMs: 1500, used: { durationMs: 500, memoryBytes: 7 } })
  expect(executions[2]).toMatchObject({ outcome: 'failed', endedAtUnixMs: 0, used: {} })
})

test('a trace tells its attempts, and why they failed', () => {
  const text = `task,status,attempt,peak_memory_bytes,requested_memory_bytes
a,,,5,10
a,failed:oom,1,5,10
a,failed:137,2,10,10
a,failed:137,2,5,10
a,failed:timeout,3,5,10
a,failed:1,,5,10
`
  const { executions } = traceCsv.read(text, undefined)
  expect(executions.map(({ line, attempt, outcome }) => [line, attempt, outcome])).toEqual([
    [2, 1, 'succeeded'],
    [3, 1, 'out-of-memory'],
    [4, 2, 'out-of-memory'],
    [5, 2, 'failed'],
    [6, 3, 'timed-out'],
    [7, 1, 'failed'],
  ])
})

test('a log that goes on leaves what it told before as it was', () => {
  const log = `noise\n${report('sort x', 0)}`
  const [before] = gnuTime.read(log, undefined).executions
  const after = gnuTime.read(`${log}more noise\n${report('sort x', 0)}`, undefined).executions
  expect(after[0]).toEqual(before)
  expect(after[1]?.id).not.toBe(before?.id)
  expect(after.map(({ line }) => line)).toEqual([2, 9])
})

test('a line that has not the fields of its header is named, and the others are read', () => {
  const text = nextflowText.replace('2\tcd/34\t', 'cut off\n2\tcd/34\t')
  const { executions, errors } = nextflow.read(text, undefined)
  expect(executions.map(({ line }) => line)).toEqual([2, 4, 6])
  expect(errors).toEqual([{ line: 3, message: 'has 1 fields, the header has 17' }])
})

test('each format knows its own and no other', () => {
  const texts = [nextflowText, sacctText, report('x', 0), 'task,duration_ms\na,5\n']
  const formats = [nextflow, sacct, gnuTime, traceCsv]
  for (const [i, text] of texts.entries()) {
    expect(formats.findIndex(({ matches }) => matches(text))).toBe(i)
  }
})

test.each([
  [nextflow, 'task_id\tname\n1\tx\n', 'status'],
  [sacct, 'JobID|State|JobName\n1|COMPLETED|x\n', 'maxrss'],
  [gnuTime, 'nothing', 'Command being timed'],
])('what is missing is named', (format, text, message) => {
  expect(() => format.read(text, undefined)).toThrow(HistoryError)
  expect(() => format.read(text, undefined)).toThrow(message)
})

test('clocks and times', () => {
  expect([
    parseClock('1-02:03:04'),
    parseClock('02:03'),
    parseClock('1:02:03.5'),
    parseClock('Unknown'),
  ]).toEqual([93_784, 123, 3723.5, undefined])
  expect([parseTime('1714557600000'), parseTime('Unknown'), parseTime('')]).toEqual([1_714_557_600_000, 0, 0])
})
