import { describe, expect, test } from 'vitest'
import type { LoggedExecution } from '../../../cli/histories/history.ts'
import { htcondor } from '../../../cli/histories/htcondor.ts'
import { htcondorXml } from '../../../cli/histories/htcondor-xml.ts'
import { pbs } from '../../../cli/histories/pbs.ts'
import { snakemake } from '../../../cli/histories/snakemake.ts'
import { readLog } from '../../support/read-log.ts'

const [KiB, MiB, GiB] = [2 ** 10, 2 ** 20, 2 ** 30]

describe('HTCondor', () => {
  const event = (code: string, job: string, minute: number, ...lines: readonly string[]) =>
    `${code} (${job}) 2024-05-01 10:${String(minute).padStart(2, '0')}:00 ${lines.join('\n')}\n...\n`
  const table = `	Partitionable Resources :    Usage  Request Allocated
	   Cpus                 :     0.50        1         2
	   Disk (KB)            :     1000     2000      4000
	   Memory (MB)          :      120      400       512`
  const ended = (job: string, minute: number, how = '(1) Normal termination (return value 0)') =>
    event(
      '005',
      job,
      minute,
      'Job terminated.',
      `	${how}`,
      '		Usr 0 00:00:50, Sys 0 00:00:10  -  Run Remote Usage',
      table,
    )

  test('a run is an execution, with its request, its use and the node of its DAG', () => {
    const text =
      event('000', '12.000.000', 0, 'Job submitted from host: <h>', '    DAG Node: align_1') +
      event('001', '12.000.000', 1, 'Job executing on host: <h>') +
      event(
        '006',
        '12.000.000',
        2,
        'Image size of job updated: 9',
        '	118  -  MemoryUsage of job (MB)',
        '	120000  -  ResidentSetSize of job (KB)',
      ) +
      ended('12.000.000', 3)
    expect(htcondor.matches(text)).toBe(true)
    const { executions, faults, skipped } = readLog(htcondor, text)
    expect([faults, skipped]).toEqual([[], 0])
    expect(executions).toMatchObject([
      {
        task: 'align_1',
        attempt: 1,
        outcome: 'succeeded',
        requested: { memoryBytes: 400 * MiB, cpuCores: 1, diskBytes: 2000 * KiB },
        allocated: { memoryBytes: 512 * MiB, cpuCores: 2 },
        used: { durationMs: 120_000, cpuCores: 0.5, diskBytes: 1000 * KiB },
        startedAtMs: Date.UTC(2024, 4, 1, 10, 1),
        endedAtUnixMs: Date.UTC(2024, 4, 1, 10, 3),
      },
    ])
    // The table has risen since the last update, which was to the KiB.
    expect(executions[0]?.used.memoryBytes).toBe(120 * MiB)
    const exact = readLog(htcondor, text.replace('120000  -', '122000  -')).executions[0]
    expect(exact?.used.memoryBytes).toBe(122_000 * KiB)
  })

  test.each([
    ['004', 'Job was evicted.', 'evicted'],
    ['007', 'Shadow exception!', 'lost'],
    ['012', 'Job was held.\n	over memory\n	Code 34 Subcode 0', 'out-of-memory'],
    ['012', 'Job was held.\n	too long\n	Code 46 Subcode 0', 'timed-out'],
    ['012', 'Job was held.\n	by a person\n	Code 1 Subcode 0', 'failed'],
    ['009', 'Job was aborted.', 'cancelled'],
  ])('a run ended by event %s, %j: %s, and the next is another attempt', (code, body, outcome) => {
    const text =
      event('001', '1.000.000', 1, 'Job executing') +
      event(code, '1.000.000', 2, body) +
      event('001', '1.000.000', 5, 'Job executing') +
      ended('1.000.000', 9, '(0) Abnormal termination (signal 9)')
    const { executions } = readLog(htcondor, text)
    expect(executions.map((each) => [each.outcome, each.used.durationMs])).toEqual([
      [outcome, 60_000],
      ['failed', 240_000],
    ])
    if (code !== '009') expect(executions.map(({ attempt }) => attempt)).toEqual([1, 2])
  })

  test('jobs run beside each other; those under way are left out; times without a year tell durations', () => {
    const text = (
      event('001', '1.000.000', 1, 'Job executing') +
      event('001', '1.001.000', 2, 'Job executing') +
      event('001', '2.000.000', 2, 'Job executing') +
      ended('1.001.000', 4) +
      ended('1.000.000', 8)
    ).replaceAll('2024-05-01', '05/01')
    expect(htcondor.matches(text)).toBe(true)
    const { executions, skipped } = readLog(htcondor, text)
    expect(executions.map(({ used, endedAtUnixMs }) => [used.durationMs, endedAtUnixMs])).toEqual([
      [120_000, undefined],
      [420_000, undefined],
    ])
    expect(skipped).toBe(1)
  })

  test('events of a cluster are no jobs, and an end without a beginning has no run time', () => {
    const text =
      event('035', '1.-01.-01', 0, 'Cluster submitted') +
      ended('1.000.000', 4) +
      event('028', '1.000.000', 4, 'Job ad')
    const { executions, faults, skipped } = readLog(htcondor, text)
    expect([faults, skipped]).toEqual([[], 0])
    expect(executions).toMatchObject([{ attempt: 1, outcome: 'succeeded', used: { memoryBytes: 120 * MiB } }])
    expect(executions[0]?.used.durationMs).toBeUndefined()
  })

  test('what belongs to no event is named by line', () => {
    expect(readLog(htcondor, `${ended('1.000.000', 4)}garbage\n`).faults).toEqual(['9: belongs to no event'])
  })
})

describe('HTCondor as XML', () => {
  const event = (
    code: number,
    minute: number,
    values: Readonly<Record<string, string | number | boolean>> = {},
  ) => {
    const attributes = Object.entries({
      EventTypeNumber: code,
      EventTime: `2024-05-01T10:${String(minute).padStart(2, '0')}:00`,
      Cluster: 12,
      Proc: 0,
      Subproc: 0,
      ...values,
    }).map(([name, value]) => {
      if (typeof value === 'boolean') return `    <a n="${name}"><b v="${value ? 't' : 'f'}"/></a>\n`
      const type = typeof value === 'string' ? 's' : Number.isInteger(value) ? 'i' : 'r'
      return `    <a n="${name}"><${type}>${value}</${type}></a>\n`
    })
    return `<c>\n${attributes.join('')}</c>\n`
  }
  const usage = {
    ...{ RequestCpus: 1, Cpus: 2, CpusUsage: 0.5, RequestMemory: 400, Memory: 512, MemoryUsage: 118 },
    ...{ RequestDisk: 2000, Disk: 4000, DiskUsage: 1000 },
  }
  const done = { TerminatedNormally: true, ReturnValue: 0, RunRemoteUsage: 'Usr 0 00:00:50, Sys 0 00:00:10' }
  const run =
    event(0, 0, { LogNotes: 'DAG Node: a&amp;b', SubmitHost: '&lt;h&gt;' }) +
    event(1, 1) +
    event(6, 2, { MemoryUsage: 118, ResidentSetSize: 120_000 })

  test('it tells of a run what the text tells, under the same id', () => {
    const text = `000 (012.000.000) 2024-05-01 10:00:00 Job submitted from host: <h>
    DAG Node: a&b
...
001 (012.000.000) 2024-05-01 10:01:00 Job executing on host: <h>
...
006 (012.000.000) 2024-05-01 10:02:00 Image size of job updated: 9
	118  -  MemoryUsage of job (MB)
	120000  -  ResidentSetSize of job (KB)
...
005 (012.000.000) 2024-05-01 10:03:00 Job terminated.
	(1) Normal termination (return value 0)
		Usr 0 00:00:50, Sys 0 00:00:10  -  Run Remote Usage
	Partitionable Resources :    Usage  Request Allocated
	   Cpus                 :     0.50        1         2
	   Disk (KB)            :     1000     2000      4000
	   Memory (MB)          :      118      400       512
...
`
    const xml = `<?xml version="1.0"?>\n<!DOCTYPE classads SYSTEM "classads.dtd">\n<classads>\n${run}${event(5, 3, { ...usage, ...done })}</classads>\n`
    expect(htcondorXml.matches(xml)).toBe(true)
    const plain = ({ line, field, ...rest }: LoggedExecution) => rest
    const [told, expected] = [readLog(htcondorXml, xml, 'log', 7), readLog(htcondor, text)]
    expect([told.faults, told.skipped]).toEqual([[], 0])
    expect(told.executions).toHaveLength(1)
    expect(told.executions.map(plain)).toEqual(expected.executions.map(plain))
    expect(told.executions[0]).toMatchObject({
      task: 'a&b',
      used: { memoryBytes: 120_000 * KiB, cpuCores: 0.5, durationMs: 120_000 },
    })
  })

  test.each([
    [5, { TerminatedNormally: true, ReturnValue: 1 }, 'failed'],
    [5, { TerminatedNormally: false, TerminatedBySignal: 9 }, 'failed'],
    [12, { HoldReasonCode: 34 }, 'out-of-memory'],
    [12, { HoldReasonCode: 46 }, 'timed-out'],
    [4, {}, 'evicted'],
    [9, {}, 'cancelled'],
  ])('event %i with %j: %s', (code, values, outcome) => {
    expect(readLog(htcondorXml, run + event(code, 3, values)).executions).toMatchObject([{ outcome }])
  })

  test('what is no event is named by line, and the rest is read', () => {
    const { executions, faults } = readLog(
      htcondorXml,
      `garbage\n<c>\n</c>\n<c>\n${run}${event(5, 3, done)}<c>\n`,
    )
    expect(faults).toEqual([
      '1: belongs to no event',
      '2: an event without its type, time or job',
      '4: an event that does not end',
      expect.stringMatching(/^\d+: an event that does not end$/),
    ])
    expect(executions).toHaveLength(1)
  })
})

describe('PBS', () => {
  const record = (type: string, message: string) => `05/01/2024 10:01:00;${type};12.server;${message}\n`
  const usage = 'resources_used.cput=00:01:00 resources_used.mem=204800kb resources_used.walltime=00:02:00'
  const request = 'Resource_List.mem=400mb Resource_List.ncpus=4 Resource_List.walltime=01:00:00'
  const one = (text: string) => readLog(pbs, text).executions[0]

  test('the record of an end is an execution', () => {
    const message = `user=u group=g project="a b" jobname=align queue=workq ctime=1 start=1700000000 ${request} end=1700000120 Exit_status=0 ${usage} run_count=2`
    const text = record('Q', 'queue=workq') + record('S', 'user=u') + record('E', message)
    expect(pbs.matches(text)).toBe(true)
    expect(readLog(pbs, text).faults).toEqual([])
    expect(one(text)).toMatchObject({
      line: 3,
      task: 'align',
      attempt: 2,
      labels: { queue: 'workq' },
      requested: { memoryBytes: 400 * MiB, cpuCores: 4, durationMs: 3_600_000 },
      used: { memoryBytes: 200 * MiB, cpuCores: 0.5, durationMs: 120_000 },
      outcome: 'succeeded',
      startedAtMs: 1_700_000_000_000,
      endedAtUnixMs: 1_700_000_120_000,
    })
  })

  test.each([
    ['Resource_List.select=2:ncpus=3:mem=1gb+1:ncpus=1:mem=512mb', { cpuCores: 7, memoryBytes: 2.5 * GiB }],
    ['Resource_List.nodes=2:ppn=4 Resource_List.pmem=100mb', { cpuCores: 8, memoryBytes: 800 * MiB }],
    ['Resource_List.mem=100mw', { memoryBytes: 800 * MiB }],
  ])('what was asked for, as the versions write it: %s', (asked, requested) => {
    expect(one(record('E', `jobname=x ${asked} Exit_status=0 ${usage}`))?.requested).toEqual(requested)
  })

  test.each([
    ['0', 'succeeded'],
    ['1', 'failed'],
    ['-27', 'out-of-memory'],
    ['-29', 'timed-out'],
    ['-11', 'evicted'],
    ['271', 'cancelled'],
    ['265', 'failed'],
  ])('exit status %s: %s', (status, outcome) => {
    expect(one(record('E', `jobname=x ${request} Exit_status=${status} ${usage}`))?.outcome).toBe(outcome)
  })

  test('a run killed at its limit was killed for it; one to be repeated had to make room', () => {
    const at = (memory: string, wall: string) =>
      one(
        record(
          'E',
          `jobname=x ${request} Exit_status=265 resources_used.mem=${memory} resources_used.walltime=${wall}`,
        ),
      )
    expect(at('399mb', '00:01:00')?.outcome).toBe('out-of-memory')
    expect(at('100mb', '01:00:01')?.outcome).toBe('timed-out')
    expect(one(record('R', `jobname=x ${request} ${usage}`))?.outcome).toBe('evicted')
  })

  test('what cannot be read is named by line', () => {
    const text = `${record('E', 'jobname=x resources_used.mem=lots')}cut off\n${record('E', `jobname=y ${usage}`)}`
    const { executions, faults } = readLog(pbs, text)
    expect(faults).toEqual(['1: resources_used.mem "lots" cannot be read', '2: is no accounting record'])
    expect(executions.map(({ task }) => task)).toEqual(['y'])
  })
})

describe('Snakemake', () => {
  const plain =
    's\th:m:s\tmax_rss\tmax_vms\tmean_load\tcpu_time\n2.00\t0:00:02\t40.00\t47.00\t50.0\t1.00\nNA\t-\tNA\tNA\tNA\tNA\n'

  test('a row is a run, called after its file', () => {
    expect(snakemake.matches(plain)).toBe(true)
    const { executions } = readLog(snakemake, plain, 'align')
    expect(executions[0]).toMatchObject({
      task: undefined,
      used: { durationMs: 2000, memoryBytes: 40 * MiB, cpuCores: 0.5 },
      outcome: 'succeeded',
    })
    expect(executions[1]?.used).toEqual({})
    expect(readLog(snakemake, plain, 'other').executions[0]?.id).not.toBe(executions[0]?.id)
  })

  test('an extended one names rule, threads, resources and inputs, as a table and as JSON', () => {
    const table =
      's\th:m:s\tmax_rss\tcpu_time\tjobid\trule_name\tthreads\tresources\tinput_size_mb\n' +
      "2.00\t0:00:02\t40.00\t1.00\t3\tbwa\t4\t{'_cores': 4, 'mem_mb': 2000, 'runtime': 30, 'tmpdir': '/tmp'}\t{'a.bam': 1.5, 'b, c.bam': 0.5}\n"
    const json = `${JSON.stringify({ cpu_time: 1, 'h:m:s': '0:00:02', input_size_mb: { 'a.bam': 1.5, 'b.bam': 0.5 }, max_rss: 40, resources: { mem_mb: 2000, runtime: 30 }, rule_name: 'bwa', s: 2, threads: 4 })}\n`
    for (const text of [table, json]) {
      expect(snakemake.matches(text)).toBe(true)
      expect(readLog(snakemake, text).executions).toMatchObject([
        {
          task: 'bwa',
          features: { input_bytes: 2 * MiB },
          requested: { cpuCores: 4, memoryBytes: 2e9, durationMs: 1_800_000 },
          used: { durationMs: 2000, memoryBytes: 40 * MiB, cpuCores: 0.5 },
        },
      ])
    }
  })

  test('what cannot be read is named by line', () => {
    const text = 's\th:m:s\tmax_rss\n2,5\t0:00:02\t1\n1\t2\n3.0\t0:00:03\t1.0\n'
    const { executions, faults } = readLog(snakemake, text)
    expect(faults).toEqual([
      '2: s "2,5" cannot be read: it has a decimal comma',
      '3: has 2 fields, the header has 3',
    ])
    expect(executions).toHaveLength(1)
  })
})
