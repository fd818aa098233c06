import { expect, test } from 'vitest'
import { HistoryError } from '../../../cli/histories/history.ts'
import { parseMemory, parseRequest, sacct } from '../../../cli/histories/sacct.ts'
import { readLog, tableOf } from '../../support/read-log.ts'

const [KiB, MiB, GiB] = [2 ** 10, 2 ** 20, 2 ** 30]

type Fields = Readonly<Record<string, string>>

/** Rows under the columns that any of them has. */
function table(rows: readonly Fields[], separator = '|'): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  return tableOf(separator, [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))])
}

const job = (more: Fields = {}): Fields => ({
  JobID: '100',
  JobName: 'blast',
  State: 'COMPLETED',
  ElapsedRaw: '60',
  TotalCPU: '01:30.500',
  MaxRSS: '',
  ReqMem: '4G',
  AllocCPUS: '2',
  ...more,
})
const step = (more: Fields = {}): Fields => ({ JobID: '100.0', JobName: 'x', State: 'COMPLETED', ...more })
const read = (rows: readonly Fields[]) => readLog(sacct, table(rows))
const only = (rows: readonly Fields[]) => {
  const { executions, faults } = read(rows)
  expect(faults).toEqual([])
  expect(executions).toHaveLength(1)
  return executions[0]
}

test('a job is one execution, with the peak of its largest step', () => {
  const rows = [
    job({ Partition: 'short', TimelimitRaw: '30', Start: '2024-05-01T09:59:00', End: '2024-05-01T10:00:00' }),
    step({ JobID: '100.batch', MaxRSS: '2000K', TotalCPU: '00:00.100' }),
    step({ JobID: '100.0', MaxRSS: '3145728K', TotalCPU: '01:30.400' }),
  ]
  const execution = only(rows)
  expect(execution).toMatchObject({
    line: 2,
    task: 'blast',
    labels: { queue: 'short' },
    requested: { memoryBytes: 4 * GiB, cpuCores: 2, durationMs: 1_800_000 },
    used: { memoryBytes: 3 * GiB, durationMs: 60_000 },
    outcome: 'succeeded',
    startedAtMs: Date.UTC(2024, 4, 1, 9, 59),
    endedAtUnixMs: Date.UTC(2024, 4, 1, 10),
  })
  expect(execution?.used.cpuCores).toBeCloseTo(90.5 / 60)
})

test.each(['|', ',', ';', '^|^', '\t'])('any delimiter will do: %j', (delimiter) => {
  const text = table([job(), step({ MaxRSS: '1G' })], delimiter)
  expect(sacct.matches(text)).toBe(true)
  expect(readLog(sacct, text).executions[0]).toMatchObject({ task: 'blast', used: { memoryBytes: GiB } })
})

test('columns of fixed width are as wide as the dashes below their names', () => {
  const text = `JobID           JobName      State    Elapsed   TotalCPU     MaxRSS     ReqMem  AllocCPUS
------------ ---------- ---------- ---------- ---------- ---------- ---------- ----------
7            long_name+ OUT_OF_ME+   00:01:00   00:30.00                    2G          1
7.batch           batch OUT_OF_ME+   00:01:00   00:30.00   2000000K                     1
8                 align CANCELLED+ 1-00:00:00   00:30.00                    2G          1
8.extern+        extern  COMPLETED 1-00:00:00   00:30.00       100K                     1
`
  expect(sacct.matches(text)).toBe(true)
  const { executions, faults } = readLog(sacct, text)
  expect(faults).toEqual([])
  expect(executions.map(({ line, task, outcome, used }) => [line, task, outcome, used.durationMs])).toEqual([
    [3, 'long_name+', 'out-of-memory', 60_000],
    [5, 'align', 'cancelled', 86_400_000],
  ])
  expect(executions[0]?.used.memoryBytes).toBe(2_000_000 * KiB)
})

test.each([
  ['MaxRSS times the tasks', { MaxRSS: '1000K', NTasks: '4' }, 4000 * KiB],
  [
    'the total of all tasks, where Slurm has summed it',
    { MaxRSS: '1000K', NTasks: '4', TRESUsageInTot: 'cpu=1,mem=3900K' },
    3900 * KiB,
  ],
  ['the total alone', { TRESUsageInTot: 'cpu=00:01,fs/disk=5,mem=2G,vmem=9G' }, 2 * GiB],
  ['MaxRSS, where one task is all there can be', { MaxRSS: '1000K' }, 1000 * KiB],
])('the peak of a step is %s', (_, fields, bytes) => {
  expect(only([job({ NNodes: '1', AllocCPUS: '8' }), step(fields)])?.used.memoryBytes).toBe(bytes)
})

test('where tasks are not counted and may be spread over nodes, the peak is unknown', () => {
  const spread = job({ AllocCPUS: '16', NNodes: '2' })
  expect(only([spread, step({ MaxRSS: '1000K' })])?.used.memoryBytes).toBeUndefined()
  // The batch script is one task on one node, whatever the job is.
  expect(only([spread, step({ JobID: '100.batch', MaxRSS: '1000K' })])?.used.memoryBytes).toBe(1000 * KiB)
})

test.each([
  [{ AllocCPUS: '4' }, 4],
  [{ AllocCPUS: '', NCPUS: '8' }, 8],
  [{ AllocCPUS: '', ReqCPUS: '3' }, 3],
  [{ AllocCPUS: '', AllocTRES: 'billing=6,cpu=6,mem=1G' }, 6],
])('cores are those allocated, by whichever name: %j', (fields, cores) => {
  const execution = only([job({ ...fields, ReqMem: '1Gc' }), step({ MaxRSS: '1G' })])
  expect(execution?.requested).toMatchObject({ cpuCores: cores, memoryBytes: cores * GiB })
})

test('attempts at one job are executions of their own, each with the peak of its own steps', () => {
  const times = (submit: string) => ({ Submit: submit, Start: submit, End: submit })
  const rows = [
    job({ State: 'REQUEUED', ...times('2024-01-01T00:00:00') }),
    step({ State: 'FAILED', MaxRSS: '900M' }),
    job({ ...times('2024-01-01T02:00:00') }),
    step({ MaxRSS: '100M' }),
  ]
  const { executions } = read(rows)
  expect(executions.map(({ attempt, outcome, used }) => [attempt, outcome, used.memoryBytes])).toEqual([
    [1, 'failed', 900 * MiB],
    [2, 'succeeded', 100 * MiB],
  ])
  const untimed = read(rows.map(({ Submit: _s, Start: _t, End: _e, ...row }) => row)).executions
  expect(new Set(untimed.map(({ id }) => id)).size).toBe(2)
  expect(untimed.map(({ used }) => used.memoryBytes)).toEqual([900 * MiB, 100 * MiB])
})

test.each([
  ['REQUEUED', 'OUT_OF_MEMORY', 'out-of-memory'],
  ['REQUEUED', 'TIMEOUT', 'timed-out'],
  ['REQUEUED', 'NODE_FAIL', 'lost'],
  ['REQUEUED', 'CANCELLED', 'evicted'],
  ['FAILED', 'OUT_OF_MEMORY', 'out-of-memory'],
  ['FAILED', 'FAILED', 'failed'],
  ['CANCELLED by 1000', 'COMPLETED', 'cancelled'],
  ['COMPLETED', 'OUT_OF_MEMORY', 'succeeded'],
  ['PREEMPTED', 'CANCELLED', 'evicted'],
  ['NODE_FAIL', '', 'lost'],
  ['TIMEOUT', 'CANCELLED', 'timed-out'],
  ['DEADLINE', '', 'failed'],
])('a job that is %s with a step that is %s: %s', (state, ofStep, outcome) => {
  expect(only([job({ State: state }), step({ State: ofStep, MaxRSS: '1G' })])?.outcome).toBe(outcome)
})

test('exit code 0:125 is a kill for memory, whatever the state', () => {
  expect(only([job({ State: 'FAILED', ExitCode: '0:125' }), step({ MaxRSS: '1G' })])?.outcome).toBe(
    'out-of-memory',
  )
})

test('what is not over is left out', () => {
  const { executions, skipped } = read([
    job({ State: 'RUNNING', End: 'Unknown' }),
    job({ JobID: '101', State: 'PENDING' }),
  ])
  expect([executions.length, skipped]).toEqual([0, 2])
})

test('what users have typed may hold the delimiter and line breaks', () => {
  const columns = ['JobID', 'JobName', 'State', 'ElapsedRaw', 'MaxRSS', 'Comment', 'End', 'SubmitLine']
  const rows = [
    ['1', 'a|b', 'COMPLETED', '5', '', 'n=1|2', '2024-01-01T00:00:00', 'sbatch --wrap=cat x | sort | uniq'],
    ['1.batch', 'batch', 'COMPLETED', '5', '1000K', '', '2024-01-01T00:00:00', ''],
    [
      '2',
      'c',
      'COMPLETED',
      '5',
      '',
      '',
      '2024-01-01T00:00:00',
      'sbatch --wrap=set -e\n\npython a.py | tee log\n',
    ],
    ['2.batch', 'batch', 'COMPLETED', '5', '2000K', '', '2024-01-01T00:00:00', ''],
    ['3', 'two\nlines', 'FAILED', '5', '', '', '2024-01-01T00:00:00', 'sbatch x'],
    ['3.batch', 'batch', 'FAILED', '5', '3000K', '', '2024-01-01T00:00:00', ''],
  ]
  for (const piece of [10_000, 1, 7]) {
    const { executions, faults } = readLog(sacct, tableOf('|', [columns, ...rows]), 'log', piece)
    expect(faults).toEqual([])
    expect(
      executions.map(({ line, task, outcome, used }) => [line, task, outcome, used.memoryBytes]),
    ).toEqual([
      [2, 'a|b', 'succeeded', 1000 * KiB],
      [4, 'c', 'succeeded', 2000 * KiB],
      [9, 'two\nlines', 'failed', 3000 * KiB],
    ])
  }
})

test('a row of nothing but delimiters is refused soon', () => {
  const texts = Array.from({ length: 60 }, (_, i) => `Text${i}`)
  const header = ['JobID', ...texts, 'JobName', 'State', 'MaxRSS'].join('|')
  const { executions, faults } = readLog(sacct, `${header}\n1${'|'.repeat(200)}\n2${'|'.repeat(20_000)}\n`)
  expect(executions).toEqual([])
  expect(faults).toEqual(['2: has 201 fields, the header has 64', '3: has 20001 fields, the header has 64'])
})

test.each([
  ['too few fields', '1|blast\n', '2: has 2 fields, the header has 5'],
  ['a field too many that fits nowhere', '1|x|y|z|COMPLETED|5|1G\n', undefined],
  ['an amount', '1|x|COMPLETED|5|huge\n', '2: maxrss "huge" cannot be read'],
  [
    'a decimal comma',
    '1|x|COMPLETED|5|\n1.batch|b|COMPLETED|5|1,5G\n',
    '3: maxrss "1,5G" cannot be read: it has a decimal comma',
  ],
  ['a step without its job', '1.batch|b|COMPLETED|5|1G\n', '2: step 1.batch does not stand below its job'],
  ['no row at all', 'sacct: error: Connection refused\n', '2: does not begin with the id of a job'],
])('what cannot be read is named by line: %s', (_, rows, fault) => {
  const text = `JobID|JobName|State|ElapsedRaw|MaxRSS\n${rows}9|ok|COMPLETED|5|\n9.batch|b|COMPLETED|5|1G\n`
  const { executions, faults } = readLog(sacct, text)
  expect(faults).toEqual(fault === undefined ? [] : [fault])
  expect(executions.at(-1)).toMatchObject({ task: 'ok', used: { memoryBytes: GiB } })
})

test('the comment gives features, labels and a name, and keeps tokens to itself', () => {
  const comment = 'foresize task=align;input_bytes=24000000,kind=full token=a/b+c= attempt=2'
  const execution = only([job({ Comment: comment }), step({ MaxRSS: '1G' })])
  expect(execution).toMatchObject({
    task: 'align',
    features: { input_bytes: 24e6 },
    labels: { kind: 'full' },
  })
  expect(execution?.labels).toEqual({ kind: 'full' })
})

const run = '0c9d2f3a-1b2c-4d5e-8f90-abcdef012345'

test.each([
  ['nf-RNA_ALIGN_(s1.dat)', '', 'RNA_ALIGN'],
  ['nf-QC', '', 'QC'],
  [run, 'rule_bwa_mem', 'bwa_mem'],
  [run, 'rule_bwa_mem_wildcards_sampleA', 'bwa_mem'],
  [`sort-${run}`, 'whatever', 'sort'],
  ['blast', 'rule_of_thumb', 'blast'],
])('a job called %j with the comment %j is the task %j', (name, comment, task) => {
  expect(only([job({ JobName: name, Comment: comment }), step({ MaxRSS: '1G' })])?.task).toBe(task)
})

test.each([
  ['JobID|State|JobName\n1|COMPLETED|x\n', 'maxrss'],
  ['JobID|MaxRSS|JobName\n1|1G|x\n', 'state'],
  ['', 'no header'],
])('columns that must be there are named', (text, message) => {
  expect(() => readLog(sacct, text)).toThrow(HistoryError)
  expect(() => readLog(sacct, text)).toThrow(message)
})

test.each([
  ['4G', 2, 3, 4 * GiB],
  ['1Gc', 4, 3, 4 * GiB],
  ['1Gn', 4, 3, 3 * GiB],
  ['0n', 4, 3, 0],
  ['', 4, 3, undefined],
])('a request of %j with %d cores on %d nodes', (text, cores, nodes, bytes) => {
  expect(parseRequest(text, cores, nodes)).toBe(bytes)
})

test('sizes', () => {
  expect(['512K', '1.5G', '7', 'x'].map(parseMemory)).toEqual([512 * 1024, 1.5 * GiB, 7, undefined])
})
