import { expect, test } from 'vitest'
import { parseMemberships } from '../../../workers/typescript/cgroup.ts'
import { parseReport } from '../../../workers/typescript/launcher.ts'
import { parsePs } from '../../../workers/typescript/process-tree.ts'
import { parsePss, parseStat, parseStatus } from '../../../workers/typescript/procfs.ts'

const tail = '4194560 1202 340 0 0 7 5 2 1 20 0 1 0 8713 12 400 18446744073709551615'

test('a stat line gives pid, parent, CPU of itself and of the children it waited for, and its start', () => {
  expect(parseStat(`4242 (sort) R 4200 4242 4200 34816 4242 ${tail}`)).toEqual({
    pid: 4242,
    parentPid: 4200,
    cpuTicks: 15,
    startTicks: 8713,
    isZombie: false,
  })
})

test('a command name may hold spaces and parentheses', () => {
  expect(parseStat(`7 (a) b (c) Z 1 7 7 0 -1 ${tail}`)).toMatchObject({
    pid: 7,
    parentPid: 1,
    isZombie: true,
  })
})

test.each(['', '12', '12 (x', '12 (x) R', '12 (x) R y z'])('%j is no stat line', (text) => {
  expect(parseStat(text)).toBeUndefined()
})

test('a status gives resident memory and its high-water mark in bytes', () => {
  const text = 'Name:\tsort\nVmPeak:\t  9000 kB\nVmHWM:\t    1200 kB\nVmRSS:\t    1000 kB\n'
  expect(parseStatus(text)).toEqual({ residentBytes: 1000 * 1024, peakBytes: 1200 * 1024 })
})

test('a zombie holds no memory', () => {
  expect(parseStatus('Name:\tsort\nState:\tZ (zombie)\n')).toBeUndefined()
})

test('the proportional set is found among the other lines', () => {
  expect(parsePss('Rss:                1672 kB\nPss:                 383 kB\nPss_Dirty:  112 kB\n')).toBe(
    383 * 1024,
  )
  expect(parsePss('Rss: 1 kB\n')).toBeUndefined()
})

test('ps prints time as seconds, minutes, hours or days', () => {
  expect(parsePs('  12     1  2048     0:01.50\n 13 12 10 1-02:03:04\n\nrubbish\n')).toEqual([
    { pid: 12, parentPid: 1, residentBytes: 2048 * 1024, cpuSeconds: 1.5 },
    { pid: 13, parentPid: 12, residentBytes: 10_240, cpuSeconds: 93_784 },
  ])
})

test('cgroup memberships of v1, v2 and both at once', () => {
  expect(parseMemberships('0::/user.slice/a:b\n')).toEqual({ unified: '/user.slice/a:b', memory: undefined })
  expect(parseMemberships('4:cpu,memory:/docker/x\n0::/\n')).toEqual({ unified: '/', memory: '/docker/x' })
  expect(parseMemberships('')).toEqual({ unified: undefined, memory: undefined })
})

test("the launcher's three reports", () => {
  expect(parseReport('started 12')).toEqual({ kind: 'started', pid: 12 })
  expect(parseReport('refused 2')).toEqual({ kind: 'refused', errno: 2 })
  expect(parseReport('ended signal 9 2500 1000000 500000 4096')).toEqual({
    kind: 'ended',
    by: 'signal',
    number: 9,
    wallMs: 2.5,
    cpuSeconds: 1.5,
    peakMemoryBytes: 4096,
  })
})

test.each(['', 'started', 'started x', 'ended exit 1', 'ended crash 1 2 3 4 5', 'ended exit 1 2 3 four 5'])(
  '%j is no report',
  (line) => {
    expect(parseReport(line)).toBeUndefined()
  },
)
