import { expect, test } from 'vitest'
import { commandName } from '../../../cli/histories/command-name.ts'
import { HistoryError } from '../../../cli/histories/history.ts'
import { time } from '../../../cli/histories/time.ts'
import { readLog } from '../../support/read-log.ts'

const report = (command: string, exit: number, elapsed = '0:04.00') => `	Command being timed: "${command}"
	User time (seconds): 1.50
	System time (seconds): 0.50
	Elapsed (wall clock) time (h:mm:ss or m:ss): ${elapsed}
	Maximum resident set size (kbytes): 2048
	Exit status: ${exit}
`

test('several reports in a log, the signal above the one that it ended', () => {
  const text = `noise\n${report('/usr/bin/sort -k2 x', 0)}more noise\nCommand terminated by signal 9\n${report('sort y', 0)}Command exited with non-zero status 3\n${report('gzip z', 3)}`
  expect(time.matches(text)).toBe(true)
  const { executions } = readLog(time, text)
  expect(executions.map(({ task, outcome }) => [task, outcome])).toEqual([
    ['sort', 'succeeded'],
    ['sort', 'failed'],
    ['gzip', 'failed'],
  ])
  expect(executions[0]?.used).toEqual({ durationMs: 4000, memoryBytes: 2048 * 1024, cpuCores: 0.5 })
  expect(executions[0]?.field('command')).toBe('/usr/bin/sort -k2 x')
})

test.each([
  ['0:04.00', 4000],
  ['1:02:03', 3_723_000],
  ['0m 4.50s', 4500],
  ['2h 3m 13s', 7_393_000],
])('elapsed as GNU and BusyBox write it: %j', (elapsed, ms) => {
  expect(readLog(time, report('x', 0, elapsed)).executions[0]?.used.durationMs).toBe(ms)
})

test('reports behind the prefix of a log are read', () => {
  const text = report('sort x', 0)
    .split('\n')
    .map((line) => `2024-01-01T00:00:00.123Z stderr F ${line}`)
    .join('\n')
  expect(readLog(time, text).executions[0]).toMatchObject({
    task: 'sort',
    used: { memoryBytes: 2048 * 1024 },
  })
})

test('macOS counts bytes and does not name the command', () => {
  const text = `        4.00 real         1.50 user         0.50 sys
            20971520  maximum resident set size
                   0  average shared memory size
             5242880  peak memory footprint
hello
	1m2.00s real		31.00s user		0.00s sys
             1048576  maximum resident set size
`
  expect(time.matches(text)).toBe(true)
  const { executions } = readLog(time, text)
  expect(executions.map(({ task, used, line }) => [task, used, line])).toEqual([
    [undefined, { durationMs: 4000, memoryBytes: 20_971_520, cpuCores: 0.5 }, 1],
    [undefined, { durationMs: 62_000, memoryBytes: 1_048_576, cpuCores: 0.5 }, 6],
  ])
})

test.each([
  ['real 4.00\nuser 1.50\nsys 0.50\n            20971520  maximum resident set size\n', 20_971_520],
  ['real 4.00\r\nuser 1.50\r\nsys 0.50\r\n', undefined],
])('time -p is read, with what -l of macOS adds: %j', (text, memoryBytes) => {
  expect(time.matches(`noise\n${text}`)).toBe(true)
  const { executions } = readLog(time, `real 9\nnoise\n${text}more\n${text}`)
  expect(executions.map(({ line, used }) => [line, used])).toEqual([
    [3, { durationMs: 4000, cpuCores: 0.5, ...(memoryBytes && { memoryBytes }) }],
    [memoryBytes ? 8 : 7, { durationMs: 4000, cpuCores: 0.5, ...(memoryBytes && { memoryBytes }) }],
  ])
  expect(executions[0]?.id).not.toBe(executions[1]?.id)
})

test('three words in another order are no report', () => {
  expect(time.matches('real 4.00\nsys 0.50\nuser 1.50\n')).toBe(false)
  expect(() => readLog(time, 'real 4.00\nsys 0.50\nuser 1.50\n')).toThrow(HistoryError)
})

test.each([
  [
    'a decimal comma',
    report('a', 0, '0:04,00'),
    '1: Elapsed time "0:04,00" cannot be read: it has a decimal comma',
  ],
  [
    'a report cut off',
    report('a', 0).split('\n').slice(0, 2).join('\n'),
    '1: Elapsed time "" cannot be read',
  ],
  ['a size', report('a', 0).replace('2048', 'x'), '1: Maximum resident set size "x" cannot be read'],
  [
    'a comma of macOS',
    '  4,00 real  1,50 user  0,50 sys\n',
    '1: time "4,00" cannot be read: it has a decimal comma',
  ],
])('what cannot be read is named by line: %s', (_, bad, fault) => {
  const { executions, faults } = readLog(time, `${bad}\n${report('b', 0)}`)
  expect(faults).toEqual([fault])
  expect(executions.map(({ task }) => task)).toEqual(['b'])
})

test('a log that goes on leaves what it told before as it was', () => {
  const log = `noise\n${report('sort x', 0)}`
  const [before] = readLog(time, log).executions
  const after = readLog(time, `${log}more noise\n${report('sort x', 0)}`).executions
  expect(after[0]).toMatchObject({ id: before?.id, line: before?.line })
  expect(after[1]?.id).not.toBe(before?.id)
  expect(after.map(({ line }) => line)).toEqual([2, 9])
})

test('a text without a report is no log of time', () => {
  expect(() => readLog(time, 'nothing')).toThrow(HistoryError)
})

test.each([
  ['/usr/bin/sort -k2 x', 'sort'],
  ['python3.12 -W ignore /opt/scripts/align.py in', 'align.py'],
  ['python -m pip install x', 'pip'],
  ['python -c "print(1)"', 'python'],
  ['bash -eu /opt/run.sh', 'run.sh'],
  ['sh -c "sort x"', 'sh'],
  ['nice -n 5 ionice -c 3 sort x', 'sort'],
  ['taskset -c 0-3 ./solver', 'solver'],
  ['taskset 0x3 ./solver', 'solver'],
  ['env -u HOME LC_ALL=C sort x', 'sort'],
  ['timeout -k 5 60 sort x', 'sort'],
  ['setarch -R ./solver', 'solver'],
  ['setarch x86_64 -R ./solver', 'solver'],
  ['java -Xmx4g -cp a.jar -jar /opt/picard.jar Sort', 'picard.jar'],
  ['Rscript --vanilla plot.R', 'plot.R'],
  ['dotnet run app.dll', 'app.dll'],
  ['nice python3 align.py', 'align.py'],
  ['python3', 'python3'],
  ['', ''],
])('the command %j is called %j', (command, name) => expect(commandName(command)).toBe(name))
