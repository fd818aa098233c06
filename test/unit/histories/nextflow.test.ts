import { expect, test } from 'vitest'
import { HistoryError } from '../../../cli/histories/history.ts'
import { nextflow, parseDuration, parseSize } from '../../../cli/histories/nextflow.ts'
import { readLog, tableOf } from '../../support/read-log.ts'

const GiB = 2 ** 30

const header =
  'task_id hash native_id process name status exit submit start complete realtime %cpu peak_rss cpus memory time attempt container'.split(
    ' ',
  )
const row = (fields: Readonly<Record<string, string>>) => header.map((name) => fields[name] ?? '-')

const trace = (separator: string) =>
  tableOf(separator, [
    header,
    row({
      task_id: '1',
      hash: 'ab/12',
      native_id: '77',
      process: 'RNA:ALIGN',
      name: 'RNA:ALIGN (s1)',
      status: 'COMPLETED',
      exit: '0',
      submit: '2024-05-01 10:00:00.000',
      start: '2024-05-01 10:00:20.000',
      complete: '2024-05-01 10:10:00.000',
      realtime: '9m 30s',
      '%cpu': '187.5%',
      peak_rss: '3.5 GB',
      cpus: '4',
      memory: '8 GB',
      time: '2h',
      attempt: '1',
      container: 'star:2.7',
    }),
    row({
      task_id: '2',
      hash: 'cd/34',
      native_id: '78',
      process: 'RNA:ALIGN',
      name: 'RNA:ALIGN (s2)',
      status: 'FAILED',
      exit: '137',
      submit: '2024-05-01 10:00:00.000',
      realtime: '55s',
      '%cpu': '90%',
      peak_rss: '7.9 GB',
      attempt: '2',
    }),
    row({ task_id: '3', process: 'RNA:QC', name: 'RNA:QC (s1)', status: 'CACHED', exit: '0' }),
    row({ task_id: '4', process: 'RNA:QC', name: 'RNA:QC (s2)', status: 'ABORTED' }),
  ])

test.each(['\t', ',', ';', '|', ' ; '])(
  'process, request, use, outcome and order, separated by %j',
  (separator) => {
    const text = trace(separator)
    expect(nextflow.matches(text)).toBe(true)
    const { executions, faults, skipped } = readLog(nextflow, text)
    expect([faults, skipped]).toEqual([[], 1])
    expect(executions[0]).toMatchObject({
      line: 2,
      task: 'RNA:ALIGN',
      attempt: 1,
      labels: { workflow: 'RNA', image: 'star:2.7' },
      requested: { memoryBytes: 8 * GiB, cpuCores: 4, durationMs: 7_200_000 },
      used: { memoryBytes: 3.5 * GiB, cpuCores: 1.875, durationMs: 570_000 },
      outcome: 'succeeded',
      startedAtMs: Date.UTC(2024, 4, 1, 10, 0, 20),
      endedAtUnixMs: Date.UTC(2024, 4, 1, 10, 10),
    })
    expect(executions.map(({ outcome, attempt }) => [outcome, attempt])).toEqual([
      ['succeeded', 1],
      ['out-of-memory', 2],
      ['cancelled', 1],
    ])
    expect(executions[2]).toMatchObject({ used: {}, requested: {}, labels: { workflow: 'RNA' } })
  },
)

test('the same row has the same id, another row another', () => {
  const ids = readLog(nextflow, trace('\t')).executions.map(({ id }) => id)
  expect(readLog(nextflow, trace('\t')).executions.map(({ id }) => id)).toEqual(ids)
  expect(new Set(ids).size).toBe(3)
})

const short = (...rows: readonly (readonly string[])[]) =>
  tableOf('\t', [['name', 'status', 'realtime', '%cpu', 'peak_rss'], ...rows])

test.each([
  [
    'realtime',
    ['a', 'COMPLETED', '2,5s', '50%', '1 GB'],
    '2: realtime "2,5s" cannot be read: it has a decimal comma',
  ],
  [
    '%cpu',
    ['a', 'COMPLETED', '2s', '99,1%', '1 GB'],
    '2: %cpu "99,1%" cannot be read: it has a decimal comma',
  ],
  [
    'peak_rss',
    ['a', 'COMPLETED', '2s', '50%', '7,5 MB'],
    '2: peak_rss "7,5 MB" cannot be read: it has a decimal comma',
  ],
  ['peak_rss', ['a', 'COMPLETED', '2s', '50%', 'lots'], '2: peak_rss "lots" cannot be read'],
  [
    'a part of a duration',
    ['a', 'COMPLETED', '1h x 5s', '50%', '1 GB'],
    '2: realtime "1h x 5s" cannot be read',
  ],
])('%s that cannot be read is refused by line, and the rest is read', (_, bad, fault) => {
  const { executions, faults } = readLog(nextflow, short(bad, ['b', 'COMPLETED', '2s', '50%', '1 GB']))
  expect(faults).toEqual([fault])
  expect(executions.map(({ task, line }) => [task, line])).toEqual([['b', 3]])
})

test('a line that has not the fields of its header is named', () => {
  const { executions, faults } = readLog(nextflow, trace('\t').replace('2\tcd/34\t', 'cut off\n2\tcd/34\t'))
  expect(executions.map(({ line }) => line)).toEqual([2, 4, 6])
  expect(faults).toEqual(['3: has 1 fields, the header has 18'])
})

test('the process is what stands before the tag, where there is only a name', () => {
  const { executions } = readLog(nextflow, short(['QC (s1)', 'COMPLETED', '2s', '50%', '1 GB']))
  expect(executions[0]?.task).toBe('QC')
})

test('columns that must be there are named', () => {
  expect(() => readLog(nextflow, 'task_id\tname\n1\tx\n')).toThrow(HistoryError)
  expect(() => readLog(nextflow, 'task_id\tname\n1\tx\n')).toThrow('status')
})

test.each([
  ['1.5 GB', 1.5 * GiB],
  ['850 KB', 850 * 1024],
  ['12345', 12_345],
  ['-', undefined],
  ['1,5 GB', undefined],
])('a size of %j', (text, bytes) => expect(parseSize(text)).toBe(bytes))

test.each([
  ['1h 2m 3s', 3_723_000],
  ['1d 1ms', 86_400_001],
  ['850ms', 850],
  ['4.5s', 4500],
  ['12345', 12_345],
  ['-', undefined],
  ['16,5s', undefined],
])('a duration of %j', (text, ms) => expect(parseDuration(text)).toBe(ms))
