import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Command, numberPairs, pairs, parseCommand, UsageError } from '../../../cli/command.ts'
import { type LedgerEntry, summarise } from '../../../cli/demo/ledger.ts'
import { randomFrom } from '../../../cli/demo/workload.ts'
import { helpOf } from '../../../cli/help.ts'
import { readResourceOptions, readWhole, readWord } from '../../../cli/options.ts'
import { readable } from '../../../cli/pair.ts'
import { createProgress } from '../../../cli/progress.ts'
import { formatResources, parseBytes, parseDurationMs, parseNumber } from '../../../cli/quantity.ts'
import { readQuery } from '../../../cli/query.ts'
import { table } from '../../../cli/table.ts'
import { formatBytes, formatDuration } from '../../../shared/domain/quantity-text.ts'
import { readResources } from '../../../shared/wire/fields.ts'
import { inspection } from '../../../shared/wire/inspection.ts'

const command: Command = {
  summary: 'Does it.',
  usage: 'do THING',
  details: '\nMore.\n',
  positionals: true,
  options: {
    task: { type: 'string', value: 'NAME', description: 'what' },
    feature: { type: 'string', multiple: true, description: 'known before' },
    verbose: { type: 'boolean', short: 'v', description: 'say more' },
  },
  run: async () => 0,
}

test('what stands behind -- belongs to the command, whatever it looks like', () => {
  const { values, positionals } = parseCommand(command, ['--task', 'x', '-v', '--', 'sort', '--task', '-k2'])
  expect({ ...values }).toEqual({ task: 'x', verbose: true })
  expect(positionals).toEqual(['sort', '--task', '-k2'])
})

test.each([[['--nonsense']], [['--task']], [['--verbose=1']]])(
  '%j is refused for the person who typed it',
  (args) => {
    expect(() => parseCommand(command, args)).toThrow(UsageError)
  },
)

test("a negative value is its option's, for its reader to judge", () => {
  const { values } = parseCommand(command, ['--task', '-5', '--feature', '-.5x', '--', '--task', '-5'])
  expect({ ...values }).toEqual({ task: '-5', feature: ['-.5x'] })
  expect(() => parseCommand(command, ['--verbose', '-5'])).toThrow(UsageError)
})

test('help names every option', () => {
  const help = helpOf(command)
  for (const part of [
    'Usage: foresize do THING',
    'More.',
    '--task NAME',
    '-v, --verbose',
    '-h, --help',
    'repeated',
  ]) {
    expect(help).toContain(part)
  }
})

test('pairs keep what follows the first =', () => {
  expect(pairs({ values: { label: ['a=b=c', 'd='] } }, 'label')).toEqual({ a: 'b=c', d: '' })
  expect(() => pairs({ values: { label: ['nothing'] } }, 'label')).toThrow('--label nothing')
  expect(numberPairs({ values: { feature: ['n=2MiB', 'm=-1.5'] } }, 'feature', parseNumber)).toEqual({
    n: 2 ** 21,
    m: -1.5,
  })
  expect(() => numberPairs({ values: { feature: ['n=many'] } }, 'feature', parseNumber)).toThrow('n=many')
})

test.each([
  ['2GiB', 2 * 2 ** 30],
  ['512Mi', 512 * 2 ** 20],
  ['1.5g', 1.5e9],
  ['1000', 1000],
  ['1e6', 1e6],
  ['-1', undefined],
  ['1 parsec', undefined],
  ['', undefined],
])('%j in bytes', (text, bytes) => expect(parseBytes(text)).toBe(bytes))

test.each([
  ['250ms', 250],
  ['90s', 90_000],
  ['1.5h', 5_400_000],
  ['90', undefined],
  ['soon', undefined],
])('%j as a time', (text, ms) => expect(parseDurationMs(text)).toBe(ms))

test('bytes and times for people read back as what they were, within their digits', () => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: 1e15, noNaN: true }), (value) => {
      expect(Math.abs((parseBytes(formatBytes(value)) ?? Number.NaN) / value - 1)).toBeLessThan(0.006)
      const ms = value / 1e6 + 1
      expect(Math.abs((parseDurationMs(formatDuration(ms)) ?? Number.NaN) / ms - 1)).toBeLessThan(0.006)
    }),
  )
})

test('resources are read from options and shown', () => {
  const resources = readResourceOptions({ values: { memory: '1GiB', cpu: '1.5', time: '5m' } })
  expect(resources).toEqual({ memoryBytes: 2 ** 30, cpuCores: 1.5, durationMs: 300_000 })
  expect(formatResources(resources)).toBe('1.00 GiB · 1.50 cores · 5.00 min')
  expect(formatResources({})).toBe('nothing')
})

test.each([
  ['cpu', '-1', 'a number from 0 to 1000000'],
  ['memory', '-5', 'like 2GiB, at most 8.88 PiB'],
  ['memory', '1e30', 'like 2GiB, at most 8.88 PiB'],
  ['disk', '1e19', 'like 10GiB, at most 888 PiB'],
  ['time', '90', 'like 90s, at most 277778 h'],
])('--%s %s is refused with what it may be', (name, value, expected) => {
  expect(() => readResourceOptions({ values: { [name]: value } })).toThrow(
    new UsageError(`--${name} ${value}: must be ${expected}`),
  )
})

test('what the options take, the services take', () => {
  const most = { memory: '1e16', cpu: '1e6', time: '1e12ms', disk: '1e18', 'gpu-memory': '1e16' }
  const seen = inspection()
  readResources(readResourceOptions({ values: most }), 'requested', seen)
  expect(seen.violations).toEqual([])
})

test('whole numbers and words are told apart from what only looks like them', () => {
  const read = (limit: string) => readWhole({ values: { limit } }, 'limit', { most: 10 })
  expect(read('10')).toBe(10)
  for (const wrong of ['0', '11', '1.5', '', 'ten', '-1', '1e400'])
    expect(() => read(wrong)).toThrow('--limit')
  const kind = (value: string) => readWord({ values: { kind: value } }, 'kind', ['task', 'cohort'])
  expect(kind('task')).toBe('task')
  expect(() => kind('toString')).toThrow('--kind toString: must be task or cohort')
  expect(readWord({ values: {} }, 'kind', ['task'])).toBeUndefined()
})

test('a query needs a task, and shares between 0 and 1', () => {
  const io = { positionals: [], env: {}, startedMs: 0, width: undefined, out: () => {}, err: () => {} }
  expect(() => readQuery({ ...io, values: {} })).toThrow('--task is required')
  expect(() => readQuery({ ...io, values: { task: 'x', risk: '2' } })).toThrow('--risk 2')
  for (const coverage of ['0', '1']) {
    const wrong = { ...io, values: { task: 'x', coverage } }
    expect(() => readQuery(wrong)).toThrow(`--coverage ${coverage}: must be a number above 0 and below 1`)
  }
  expect(readQuery({ ...io, values: { task: 'x', risk: '0.2', namespace: 'n' } })).toMatchObject({
    task: { namespace: 'n', task: 'x' },
    policy: { risk: 0.2 },
  })
})

test('a line of a log is shown for a person, any other as it is', () => {
  const line =
    '{"level":"warn","time":"2026-01-02T03:04:05.678Z","service":"estimator","err":{"message":"gone"},"tries":3,"address":"a:1","msg":"lost it"}'
  expect(readable(line)).toBe('03:04:05 estimator warn lost it: gone tries=3 address=a:1')
  expect(readable('plain')).toBe('plain')
  expect(readable('{"half')).toBe('{"half')
})

test('a table lines up its columns', () => {
  const rows = [
    { name: 'ä', size: 5 },
    { name: 'long', size: 1234 },
  ]
  const columns = [
    { title: 'name', value: ({ name }: (typeof rows)[number]) => name },
    { title: 'size', align: 'right' as const, value: ({ size }: (typeof rows)[number]) => String(size) },
  ]
  expect(table(columns, rows)).toBe('name  size\nä        5\nlong  1234\n')
  expect(table(columns, [])).toBe('')
})

const entry = (used: number, allocated: number, reason: LedgerEntry['reason'] = 'learned'): LedgerEntry => ({
  task: 't',
  requested: { memoryBytes: 1000 },
  allocated: { memoryBytes: allocated },
  used: { memoryBytes: used, durationMs: 2000 },
  reason,
  confidence: reason === 'learned' ? 0.8 : undefined,
})

test('the ledger charges what was given, and an overrun again at its request', () => {
  const summary = summarise('t', [entry(100, 150), entry(200, 150), entry(90, 1000, 'unavailable')])
  expect(summary).toMatchObject({
    executions: 3,
    learned: 2,
    estimatedBytes: 150,
    medianUsedBytes: 100,
    maxUsedBytes: 200,
    wouldBeKilled: 1,
    requestedByteSeconds: 6000,
    givenByteSeconds: 2 * (150 + 150 + 1000) + 2 * 1000,
  })
  expect(summary.confidence).toBeCloseTo(0.8)
})

test('the same seed gives the same demo', () => {
  const draw = (seed: number) => Array.from({ length: 5 }, randomFrom(seed))
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
  expect(draw(3).every((value) => value >= 0 && value < 1)).toBe(true)
})

test('progress redraws one line on a terminal and keeps what is said', () => {
  let shown = ''
  const progress = createProgress(
    (text) => (shown += text),
    true,
    () => 24,
  )
  progress.update('1/9 and more than fits in here')
  progress.say('stopped')
  progress.end()
  expect(shown).toContain('stopped\n')
  expect(shown.split('\n').every((line) => line.replaceAll('\r\u001b[K', '').length <= 2 * 24)).toBe(true)
})
