import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { credentials } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { TraceScore } from '../../cli/evaluate/backtest.ts'
import { evaluate } from '../../cli/evaluate/evaluate.ts'
import { call } from '../../shared/rpc/client.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { runCommand } from '../support/command-line.ts'
import { pairFixture } from '../support/pair-fixture.ts'
import { expectSelfContained, faultsOf, picturesOf } from '../support/report-pages.ts'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'foresize-evaluate-'))
})

afterAll(() => rmSync(directory, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

const header =
  'task,submit_ms,duration_ms,peak_memory_bytes,requested_memory_bytes,cpu_cores_avg,cpu_cores_requested,input_bytes,attempt,status,group,features'

/** Five tasks that share a tool; their need follows their input. One starts every 30 s. */
function trace(rows: number, durationMs = 60_000): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const input = (1 + ((i * 37) % 41)) * 1e6
    const peak = Math.round((100e6 + 40 * input) * (1 + ((i * 13) % 7) / 100))
    const status = i % 17 === 16 ? 'failed:1' : 'completed'
    return `flow:part_${'abcde'[i % 5]},${i * 30_000},${durationMs},${peak},4e9,${1 + (i % 3) / 10},2,${input},1,${status},g,"{""tool"":""bwa""}"`
  })
  return `${header}\n${lines.join('\n')}\n`
}

function file(name: string, content: string | Buffer): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

async function score(...args: readonly string[]): Promise<TraceScore> {
  const { code, out } = await runCommand(evaluate, [...args, '--json'])
  expect(code).toBe(0)
  return JSON.parse(out) as TraceScore
}

test('prints one object a trace, in the documented shape', async () => {
  const path = file('flow.csv.gz', gzipSync(trace(200)))
  const { out } = await runCommand(evaluate, [path, path, '--json'])
  const lines = out.trim().split('\n')

  expect(lines).toHaveLength(2)
  const [first] = lines.map((line) => JSON.parse(line) as TraceScore)
  expect(Object.keys(first ?? {})).toEqual([
    'trace',
    'executions',
    'used_gb_hours',
    'used_gb',
    'methods',
    'confidence',
    'duration',
    'cpu',
    'estimate_us',
    'update_us',
  ])
  expect(first?.trace).toBe('flow')
  expect(first?.executions).toBe(189)
  expect(Object.keys(first?.methods ?? {}).slice(0, 9)).toEqual([
    'foresize',
    'strategy:average',
    ...Object.keys(first?.methods ?? {}).slice(2, 9),
  ])
  for (const method of ['request', 'p95', 'max-x1.05', 'mean+2sigma', 'witt-lr', 'tovar-ppm', 'vpa-like']) {
    expect(Object.keys(first?.methods[method] ?? {})).toEqual([
      'wastage_gb_hours',
      'wastage_gb',
      'failures',
      'failed_executions',
      'median_over_allocation',
    ])
  }
  expect(Object.keys(first?.confidence ?? {})).toEqual(['brier', 'brier_base_rate', 'ece', 'log_score'])
  expect(Object.keys(first?.duration ?? {})).toEqual(['mdape', 'nmae', 'off_by_2x'])
})

test('where the need follows the input, foresize wastes less than what does not look at it', async () => {
  const { methods } = await score(file('flow.csv', trace(300)))

  const own = methods['foresize']?.wastage_gb_hours ?? Number.NaN
  for (const rival of ['request', 'p95', 'max-x1.05', 'mean+2sigma', 'vpa-like']) {
    expect(own).toBeLessThan(methods[rival]?.wastage_gb_hours ?? Number.NaN)
  }
})

const untimed = ({ estimate_us: _e, update_us: _u, ...rest }: TraceScore) => rest

test('gives the same figures on a machine so slow that every look at the clock is ten seconds later', async () => {
  const path = file('flow.csv', trace(120))
  const fast = await score(path)
  let nowMs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => (nowMs += 10_000))
  const slow = await score(path)

  expect(slow.estimate_us?.p50).toBeGreaterThanOrEqual(10_000_000)
  expect(untimed(slow)).toEqual(untimed(fast))
})

test('is the same every time, and through a running pair the same as in this process', async () => {
  const pair = await pairFixture()
  try {
    const path = file('flow.csv', trace(120))
    const via = ['--via', pair.estimator.address, '--profiler', pair.profilerAddress]
    for (const feedback of ['immediate', 'completion']) {
      const local = await score(path, '--feedback', feedback)
      expect(untimed(await score(path, '--feedback', feedback))).toEqual(untimed(local))
      expect(untimed(await score(path, '--feedback', feedback, ...via))).toEqual(untimed(local))
    }
    const profiler = new ProfilerServiceClient(pair.profilerAddress, credentials.createInsecure())
    const request = { namespace: 'default', taskPrefix: '', pageSize: 10, pageToken: '', kind: 0 } as const
    const left = await call(profiler.listProfiles.bind(profiler), request, 5000)
    profiler.close()
    expect(left.profiles).toEqual([])
  } finally {
    await pair.close()
  }
})

test('a need known only at completion is not used before', async () => {
  const path = file('flow.csv', trace(120, 400_000))
  const immediate = await score(path)
  const completion = await score(path, '--feedback', 'completion')

  expect(completion.methods['max-x1.05']).not.toEqual(immediate.methods['max-x1.05'])
  expect(completion.executions).toBe(immediate.executions)
})

test('without run times memory alone is counted; without memory, time and CPU are', async () => {
  const timeless = file('timeless.csv', 'task,peak_memory_bytes\na,1e9\na,2e9\na,2e9\n')
  const memoryless = file('memoryless.csv', `task,duration_ms,cpu_cores_avg\n${'a,1000,0.5\n'.repeat(20)}`)

  const first = await score(timeless)
  const second = await score(memoryless)

  expect(first.used_gb_hours).toBeNull()
  expect(first.used_gb).toBe(5)
  expect(first.methods['foresize']?.wastage_gb_hours).toBeNull()
  expect(first.methods['foresize']?.wastage_gb).toBeGreaterThan(0)
  expect(second.executions).toBe(0)
  expect(second.confidence).toBeNull()
  expect(second.duration?.mdape).toBeLessThan(0.05)
  expect(second.cpu?.off_by_2x).toBe(0)
})

test('the safe end of the risk knob fails less and wastes more than the economical one', async () => {
  const path = file('flow.csv', trace(300))
  const economical = (await score(path, '--risk', '0')).methods['foresize']
  const safe = (await score(path, '--risk', '1')).methods['foresize']

  expect(safe?.failures).toBeLessThan(economical?.failures ?? 0)
  expect(safe?.median_over_allocation).toBeGreaterThan(economical?.median_over_allocation ?? Infinity)
})

test('writes a report that is complete in itself', async () => {
  const html = join(directory, 'report.html')
  const path = file('flow <1>.csv', trace(60))
  const { out, err } = await runCommand(evaluate, [path, '--html', html])
  const page = readFileSync(html, 'utf8')

  expect(out).toContain('foresize')
  expect(err).toContain(`wrote ${html}`)
  expect(page.match(/<figure>/g)).toHaveLength(6)
  expect(page).toContain('flow &#60;1&#62;')
  expect(page).toMatch(/<figcaption>flow:part_[a-e]: the latest \d+ executions/)
  expect(page).not.toMatch(/NaN|undefined/)
  expectSelfContained(page)
  for (const picture of picturesOf(page)) expect(faultsOf(picture)).toEqual([])
})

test('a report draws a request only where there was one', async () => {
  const html = join(directory, 'requests.html')
  const textsOf = async (text: string) => {
    await runCommand(evaluate, [file('requests.csv', text), '--html', html])
    return picturesOf(readFileSync(html, 'utf8')).flatMap(({ texts }) => texts.map(({ text }) => text))
  }
  const all = trace(60)
  expect(await textsOf(all)).toEqual(expect.arrayContaining(['request', 'requested']))
  const half = all.replaceAll(/,4e9,(1\.1)/g, ',,$1')
  expect(await textsOf(half)).toEqual(
    expect.arrayContaining([expect.stringMatching(/^request \(of \d+ %\)$/), 'requested']),
  )
  const none = await textsOf(all.replaceAll(',4e9,', ',,'))
  expect(none.filter((text) => text.startsWith('request'))).toEqual([])
})

/** Twelve hours of one process, as Nextflow writes it, in the order of ends; one line is from another country. */
function nextflowTrace(): string {
  const time = (minutes: number) =>
    new Date(Date.UTC(2024, 0, 1, 0, minutes)).toISOString().replace('T', ' ').slice(0, 23)
  const rows = Array.from({ length: 60 }, (_, i) => {
    const rss = i === 30 ? '1,5 GB' : `${500 + (i % 7) * 20} MB`
    return `${i}\tab/${i}\tALIGN\tALIGN (${i})\tCOMPLETED\t0\t${time(i * 10)}\t${time(i * 10 + 9)}\t9m\t95%\t${rss}\t4 GB\t1`
  })
  return `task_id\thash\tprocess\tname\tstatus\texit\tstart\tcomplete\trealtime\t%cpu\tpeak_rss\tmemory\tcpus\n${rows.toReversed().join('\n')}\n`
}

/** Jobs that ask for what they need, and no more than half of them say so. */
function sacctTable(): string {
  const rows = Array.from({ length: 40 }, (_, i) => {
    const time = new Date(Date.UTC(2024, 0, 2, 0, i)).toISOString().slice(0, 19)
    return `${i}|sort|COMPLETED|600|09:00||2G|1|${time}|${time}\n${i}.batch|batch|COMPLETED|600|09:00|${400 + (i % 5) * 10}M|||${time}|${time}`
  })
  return `JobID|JobName|State|ElapsedRaw|TotalCPU|MaxRSS|ReqMem|AllocCPUS|Start|End\n${rows.join('\n')}\n`
}

test('logs are played as they are, what cannot be read is named, and a headline says what comes of it', async () => {
  const [trace, jobs] = [file('trace.txt', nextflowTrace()), file('sacct.txt', sacctTable())]
  const html = join(directory, 'day-one.html')
  const { code, out, err } = await runCommand(evaluate, [trace, jobs, '--html', html])
  expect(code).toBe(0)
  expect(err).toContain(
    'trace.txt (nextflow): 59 executions, 59 with memory, 59 with CPU, 59 with time, 1 entries unreadable',
  )
  expect(err).toContain('trace.txt:31: peak_rss "1,5 GB" cannot be read: it has a decimal comma')
  expect(err).toContain('sacct.txt (sacct): 40 executions, 40 with memory')
  const headline = out.trimEnd().split('\n').at(-1) ?? ''
  expect(headline).toMatch(
    /^In short, with foresize: [\d.,]+ of [\d.,]+ GB·h wasted as requested saved \([\d.]+ %\); \d+ of 99 executions killed once or more \([\d.]+ %\), with what was requested 0 \(0\.0 %\)\.$/,
  )
  expect(readFileSync(html, 'utf8')).toContain(`<h1>${headline}</h1>`)
})

test('a history without requests is compared with the largest seen, and named by columns', async () => {
  const text = nextflowTrace().replaceAll('4 GB', '-').replace('1,5 GB', '1.5 GB')
  const args = ['--task-from', 'task_id', '--rename', '.*=all', '--feature-from', 'n=task_id']
  const { out } = await runCommand(evaluate, [file('plain.txt', text), ...args])
  expect(out).toMatch(/with 1\.05 × the largest seen \d+ \(/)
  const limited = await runCommand(evaluate, [file('plain.txt', text), '--limit', '10', '--json'])
  expect((JSON.parse(limited.out) as TraceScore).executions).toBe(10)
  expect(limited.err).toContain('only the first 10 rows are taken')
})

test.each([
  [['--feedback', 'later'], '--feedback later'],
  [['--risk', '2'], '--risk 2'],
  [['--ttf', ''], '--ttf'],
  [['--cap-bytes', '0'], '--cap-bytes 0'],
  [['--seed', '1', '--feedback', 'completion'], '--seed'],
])('what makes no sense is refused: %j', async (args, message) => {
  const path = file('flow.csv', trace(10))

  await expect(runCommand(evaluate, [path, ...args])).rejects.toThrow(message)
})

test('a file that cannot be read is named', async () => {
  await expect(runCommand(evaluate, [join(directory, 'none.csv')])).rejects.toThrow('none.csv')
  await expect(runCommand(evaluate, [file('bad.csv', 'task\n"')])).rejects.toThrow(
    /bad\.csv:2: a quoted field/,
  )
  await expect(runCommand(evaluate, [file('none.txt', 'hello\n')])).rejects.toThrow(
    /none\.txt: of no known format/,
  )
  await expect(
    runCommand(evaluate, [file('untimed.csv', 'task,peak_memory_bytes\na,1\n'), '--feedback', 'completion']),
  ).rejects.toThrow('submit_ms')
})
