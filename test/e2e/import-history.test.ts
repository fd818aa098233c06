import { afterAll, beforeAll, expect, test } from 'vitest'
import { formats } from '../../cli/histories/formats.ts'
import { countOf, foresize, type Pair, startPair } from './support.ts'

/** A history on standard input, then an estimate from it. */

let pair: Pair
beforeAll(async () => {
  pair = await startPair()
})
afterAll(() => pair.stop())

const history = `task,submit_ms,duration_ms,peak_memory_bytes,requested_memory_bytes,input_bytes,status
${Array.from({ length: 60 }, (_, i) => `old/align,${1000 * i},900,${2e8 + i * 1e7},4e9,${i * 1e6},completed`).join('\n')}
`

test('imported once it counts, imported again it does not, and the next run is sized by it', async () => {
  const args = ['import-history', '-', '--profiler', pair.profilerAddress]
  const first = await foresize(args, { stdin: history }).done
  expect(first).toMatchObject({ code: 0, stderr: '' })
  expect(first.stdout).toBe(`- (trace): 60 executions, 60 with memory, 0 with CPU, 60 with time
Found 60 executions of 1 task: 60 learned from, 0 known already, 0 refused.
`)
  const again = await foresize(args, { stdin: history }).done
  expect(again.stdout).toContain('0 learned from, 60 known already')
  expect(countOf(await pair.profile('old/align', () => true))).toBe(60)

  const asked = await foresize([
    'estimate',
    '--task',
    'old/align',
    '--feature',
    'input_bytes=30000000',
    '--json',
    '--estimator',
    pair.estimatorAddress,
  ]).done
  const { estimate } = JSON.parse(asked.stdout)
  expect(estimate.source).toBe('ESTIMATE_SOURCE_PROFILE')
  expect(estimate.resources.memoryBytes).toBeGreaterThan(4.9e8)
  expect(estimate.resources.memoryBytes).toBeLessThan(9e8)
})

test('of a long history the latest are sent, so that another import of it is known', async () => {
  const long = `task,submit_ms,peak_memory_bytes\n${Array.from({ length: 5000 }, (_, i) => `old/long,${i + 1},${1e6 + i}`).join('\n')}\n`
  const args = ['import-history', '-', '--profiler', pair.profilerAddress, '--task-prefix', 'cluster/']
  const first = await foresize(args, { stdin: long }).done
  expect(first.stdout).toContain(
    'Found 5000 executions of 1 task, 3000 left out for later ones of their task: 2000 learned from, 0 known already, 0 refused.\n',
  )
  const again = await foresize(args, { stdin: `${long}old/long,5001,5\n` }).done
  expect(again.stdout).toContain(': 1 learned from, 1999 known already')
  const profile = await pair.profile('cluster/old/long', () => true)
  expect(countOf(profile)).toBe(2001)
  expect(profile.executions.at(-2)?.used?.memoryBytes).toBe(1e6 + 4999)
})

test('what is refused is named, what is no history is told', async () => {
  const bad = await foresize(['import-history', '-', '--profiler', pair.profilerAddress], {
    stdin: `task,peak_memory_bytes\n${'x'.repeat(300)},5\nfine,5\n`,
  }).done
  expect(bad.code).toBe(1)
  expect(bad.stdout).toContain('1 learned from, 0 known already, 1 refused')
  expect(bad.stdout).toMatch(/-:2: .*at most 256 bytes/)
  const none = await foresize(['import-history', '-'], { stdin: 'hello\n' }).done
  expect(none).toMatchObject({ code: 1 })
  expect(none.stderr).toContain('of no known format')
  for (const format of Object.keys(formats)) {
    expect(none.stderr).toMatch(new RegExp(`^  ${format} `, 'm'))
  }
})

test('jobs of Slurm are learned by the name, the features and the attempts that the log has', async () => {
  const stdin = `JobID|JobName|State|ElapsedRaw|TotalCPU|MaxRSS|NTasks|ReqMem|AllocCPUS|Comment|Submit|End
${Array.from({ length: 20 }, (_, i) => {
  const time = `2024-01-01T00:${String(i + 10)}:00`
  return `${i}|sim_${i}|COMPLETED|60|00:50|||4G|2|input_bytes=${i + 1}000000|${time}|${time}
${i}.0|sim|COMPLETED|60|00:50|${(i + 1) * 1000}K|2|||||${time}`
}).join('\n')}
99|what|COMPLETED|1,5|00:50||||1||2024-01-01T00:00:00|
`
  const args = ['import-history', '-', '--profiler', pair.profilerAddress, '--rename', '_\\d+$=', '--json']
  const { code, stdout } = await foresize(args, { stdin }).done
  const result = JSON.parse(stdout)
  expect(code).toBe(1)
  expect(result).toMatchObject({ executions: 20, tasks: 1, folded: 20, unreadable: 1 })
  expect(result.files).toMatchObject([{ format: 'sacct', memory: 20, cpu: 20, time: 20 }])
  expect(result.files[0].reasons[0]).toMatch(/^-:42: /)
  const profile = await pair.profile('sim', (found) => countOf(found) === 20)
  expect(profile.executions.at(-1)).toMatchObject({
    features: { input_bytes: 20e6 },
    used: { memoryBytes: 40_000 * 1024 },
  })
})
