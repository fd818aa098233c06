import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { UsageError } from '../../cli/command.ts'
import type { Simulation } from '../../cli/simulate/compare.ts'
import { simulate } from '../../cli/simulate/simulate.ts'
import { runCommand } from '../support/command-line.ts'
import { randomOf } from '../support/random.ts'
import { expectSelfContained, faultsOf, picturesOf } from '../support/report-pages.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-simulate-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Three tasks whose need follows their input, all asked for at 8 GB by careful users. */
function trace(rows: number): string {
  const random = randomOf(42)
  const lines = Array.from({ length: rows }, (_, i) => {
    const input = Math.round((1 + 9 * random()) * 1e8)
    const peak = Math.round((2e8 + (1 + (i % 3)) * input) * (1 + 0.2 * random()))
    const durationMs = Math.round(60_000 + 120_000 * random())
    return `task-${i % 3},${i * 1000},${durationMs},${peak},8e9,0.9,1,${input},1,completed,g,`
  })
  const header =
    'task,submit_ms,duration_ms,peak_memory_bytes,requested_memory_bytes,cpu_cores_avg,cpu_cores_requested,input_bytes,attempt,status,group,features'
  return `${header}\n${lines.join('\n')}\n`
}

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const cluster = ['--nodes', '2', '--node-memory', '32GB', '--node-cores', '32']

test('where memory is what is short, foresize beats the requests and no one beats the oracle', async () => {
  const path = file('history.csv', trace(180))
  const { code, out } = await runCommand(simulate, [path, ...cluster, '--json'])
  expect(code).toBe(0)
  const { jobs, runs } = JSON.parse(out) as Simulation
  expect(jobs).toBe(180)
  const [requests, foresize, oracle] = runs as [
    Simulation['runs'][0],
    Simulation['runs'][0],
    Simulation['runs'][0],
  ]
  expect(runs.map(({ name }) => name)).toEqual(['requests', 'foresize', 'oracle'])
  for (const run of runs) expect(run).toMatchObject({ finished: 180, givenUp: 0, retries: run.kills })
  expect(requests.kills).toBe(0)
  expect(foresize.makespanMs).toBeLessThan(0.6 * requests.makespanMs)
  expect(foresize.queueMs.mean).toBeLessThan(0.5 * requests.queueMs.mean)
  expect(foresize.wastedGbHours).toBeLessThan(0.3 * requests.wastedGbHours)
  expect(foresize.kills).toBeGreaterThan(0)
  expect(foresize.killedGbHours).toBeGreaterThan(0)
  expect(oracle.makespanMs).toBeLessThanOrEqual(foresize.makespanMs)
  expect(oracle).toMatchObject({ kills: 0, wastedGbHours: 0 })
})

test('without a word of the cluster it is drawn from the history, and shows what sizing memory gains', async () => {
  const path = file('drawn.csv', trace(600))
  const { out } = await runCommand(simulate, [path, '--json'])
  const { runs } = JSON.parse(out) as Simulation
  expect(runs[1]?.makespanMs).toBeLessThan(0.8 * (runs[0]?.makespanMs ?? 0))
  expect(runs[1]?.queueMs.mean).toBeLessThan(0.5 * (runs[0]?.queueMs.mean ?? 0))
  const shown = await runCommand(simulate, [path, '--nodes', '3'])
  expect(shown.out).toMatch(
    /^drawn: 600 executions on 3 nodes of .* GiB and \d+ cores, drawn from the history$/m,
  )
})

test('a log is run as it is, and what cannot be read is named', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => {
    const time = new Date(Date.UTC(2024, 0, 2, 0, i)).toISOString().slice(0, 19)
    return `${i}|sort|COMPLETED|600|09:00|${i === 7 ? '1,5G' : '400M'}|2G|1|${time}|${time}`
  })
  const text = `JobID|JobName|State|ElapsedRaw|TotalCPU|MaxRSS|ReqMem|AllocCPUS|Start|End\n${rows.join('\n')}\n`
  const { out, err } = await runCommand(simulate, [file('jobs.txt', text), ...cluster, '--json'])
  expect((JSON.parse(out) as Simulation).jobs).toBe(39)
  expect(err).toContain('jobs.txt:9: maxrss "1,5G" cannot be read')
})

test('the same history and cluster give the same answer, a safer policy fewer kills', async () => {
  const path = file('again.csv', trace(110))
  const run = async (...more: string[]) =>
    (await runCommand(simulate, [path, ...cluster, '--json', ...more])).out
  const first = await run()
  expect(await run()).toBe(first)
  const kills = (out: string) => (JSON.parse(out) as Simulation).runs[1]?.kills ?? Number.NaN
  expect(kills(await run('--risk', '1'))).toBeLessThan(kills(await run('--risk', '0')))
})

test('says it in a table and in a page with pictures, several files one after the other', async () => {
  const html = join(folder, 'report.html')
  const [a, b] = [file('one.csv', trace(60)), file('<two>.csv', trace(30))]
  const { out } = await runCommand(simulate, [a, b, ...cluster, '--html', html])
  expect(out).toMatch(/^one: 60 executions on 2 nodes of 29\.8 GiB and 32 cores$/m)
  expect(out).toMatch(/^<two>: 30 executions/m)
  expect(out).toMatch(/^makespan .* min/m)
  const page = readFileSync(html, 'utf8')
  expect(page.match(/<figure>/g)).toHaveLength(6)
  expect(page).toContain('<h2>&#60;two&#62;</h2>')
  expect(page).not.toMatch(/NaN|Infinity|undefined/)
  expectSelfContained(page)
  for (const picture of picturesOf(page)) expect(faultsOf(picture)).toEqual([])
})

test('the page says in its first sentence what came of it', async () => {
  const html = join(folder, 'headline.html')
  const headlineOf = async (...files: string[]) => {
    await runCommand(simulate, [...files, ...cluster, '--html', html])
    return /<h1>(.*)<\/h1>/.exec(readFileSync(html, 'utf8'))?.[1]
  }
  const [a, b] = [file('one.csv', trace(60)), file('two.csv', trace(30))]
  const amount = '[\\d.,]+ GB·h'
  const tail = `${amount} of memory wasted instead of ${amount}, \\d+ kills? \\(with requests \\d+\\)\\.$`
  expect(await headlineOf(a)).toMatch(
    new RegExp(
      `^With foresize instead of requests, 60 executions took .+ instead of .+ and waited .+ instead of .+ on average: ${tail}`,
    ),
  )
  expect(await headlineOf(a, b)).toMatch(
    new RegExp(`^With foresize instead of requests, 90 executions in 2 histories: ${tail}`),
  )
  expect(await headlineOf(file('empty.csv', 'task,status\nsort,failed\n'))).toMatch(/^No execution/)
})

test('where nobody asked for memory, what foresize is held against is called the default', async () => {
  const path = file('unasked.csv', trace(20).replaceAll(',8e9,', ',,'))
  const { out } = await runCommand(simulate, [path, ...cluster, '--json'])
  const { runs } = JSON.parse(out) as { runs: { name: string }[] }
  expect(runs.map(({ name }) => name)).toEqual(['default', 'foresize', 'oracle'])
})

test('a history in which nothing can be run is shown as such', async () => {
  const path = file('empty.csv', 'task,status\nsort,failed\n')
  expect((await runCommand(simulate, [path])).out).toMatch(/0 executions[\s\S]*1 rows left out/)
})

test.each([
  [[]],
  [['x.csv', '--nodes', '0']],
  [['x.csv', '--nodes', '1.5']],
  [['x.csv', '--node-memory', 'much']],
  [['x.csv', '--ttf', '2']],
  [['x.csv', '--risk', '']],
  [['x.csv', '--arrivals', 'never']],
])('%j is refused as wrong usage', async (args) => {
  const path = file('x.csv', trace(3))
  const given = args.map((arg) => (arg === 'x.csv' ? path : arg))
  await expect(runCommand(simulate, given)).rejects.toThrow(UsageError)
})
