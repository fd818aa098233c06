import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatOf, formats } from '../../../cli/histories/formats.ts'
import type { LoggedExecution } from '../../../cli/histories/history.ts'
import { latestOfEach } from '../../../cli/histories/latest.ts'
import { lines, maxEntryLength } from '../../../cli/histories/lines.ts'
import { readNaming } from '../../../cli/histories/naming.ts'
import { parseClock, parseTime } from '../../../cli/histories/values.ts'

test('each format knows its own and no other', () => {
  const beginnings = {
    snakemake: 's\th:m:s\tmax_rss\tjobid\n1\t0:00:01\t5\t1\n',
    nextflow: 'task_id\thash\tname\tstatus\n1\tab\tx\tCOMPLETED\n',
    sacct: 'JobID|JobName|State|MaxRSS\n1|x|COMPLETED|\n',
    'sacct-json': '{\n "meta": {"slurm": {}},\n "jobs": [\n',
    htcondor: '000 (12.000.000) 2024-05-01 10:00:00 Job submitted\n...\n',
    'htcondor-xml': '<c>\n    <a n="MyType"><s>SubmitEvent</s></a>\n',
    pbs: '05/01/2024 10:01:00;E;12.server;user=u\n',
    time: '\tCommand being timed: "sort x"\n',
    trace: 'task,duration_ms,status\na,5,\n',
  }
  expect(Object.keys(beginnings)).toEqual(Object.keys(formats))
  for (const [name, beginning] of Object.entries(beginnings)) expect(formatOf(beginning)).toBe(name)
  for (const none of ['', 'hello\n', '{"a": 1}', 'a,b\n1,2\n']) expect(formatOf(none)).toBeUndefined()
})

test('lines are the same however the text is cut, with either line end', () => {
  const cut = fc.tuple(fc.array(fc.stringMatching(/^[a-z]{0,6}$/), { minLength: 1 }), fc.nat({ max: 9 }))
  fc.assert(
    fc.property(cut, fc.constantFrom('\n', '\r\n'), ([expected, size], lineEnd) => {
      const text = expected.map((line) => line + lineEnd).join('')
      const found: string[] = []
      const numbers: number[] = []
      const reader = lines((line, number) => {
        found.push(line)
        numbers.push(number)
      })
      for (let at = 0; at < text.length; at += size + 1) reader.write(text.slice(at, at + size + 1))
      reader.end()
      expect(found).toEqual(expected)
      expect(numbers).toEqual(expected.map((_, i) => i + 1))
    }),
  )
})

test('a line without an end is not gathered without end', () => {
  const reader = lines(() => undefined)
  expect(() => {
    for (let i = 0; i <= 64; i++) reader.write('x'.repeat(maxEntryLength / 64))
  }).toThrow('line 1 is longer than')
})

describe('names', () => {
  const logged = (more: Partial<LoggedExecution> = {}): LoggedExecution => ({
    id: 'x',
    line: 1,
    task: 'sort_17',
    attempt: 1,
    features: { input_bytes: 5 },
    labels: {},
    requested: {},
    allocated: {},
    used: {},
    outcome: 'succeeded',
    field: (column) => ({ Rule: 'bwa', Size: '2MiB', Blank: '', Bad: 'many' })[column],
    ...more,
  })
  const place = { file: 'align', folder: 'run1' }
  const named = (values: Record<string, string | boolean | string[]>, more: Partial<LoggedExecution> = {}) =>
    readNaming({ values }).apply(logged(more), place)

  test.each([
    [{}, 'sort_17'],
    [{ task: 'mine' }, 'mine'],
    [{ 'task-from': 'Rule' }, 'bwa'],
    [{ 'task-from': 'file' }, 'align'],
    [{ 'task-from': 'folder' }, 'run1'],
    [{ rename: ['_\\d+$='] }, 'sort'],
    [{ rename: ['^(\\w+)_(\\d+)$=$2/$1', '^17=x'] }, 'x/sort'],
    [{ 'task-from': 'Rule', rename: ['^b=c'] }, 'cwa'],
  ])('%j', (values, task) => expect(named(values)).toMatchObject({ task }))

  test('an execution that its log does not name is called after its file', () => {
    expect(named({}, { task: undefined })).toMatchObject({ task: 'align' })
  })

  test('where a log has no column of that name, file and folder are its own', () => {
    expect(named({ 'task-from': 'folder' }, { field: () => '' })).toMatchObject({ task: 'run1' })
    expect(named({ 'task-from': 'file' }, { field: () => 'theirs' })).toMatchObject({ task: 'theirs' })
  })

  test('features come from columns, with their units, beside those of the log and in order of key', () => {
    expect(named({ 'feature-from': ['size=Size', 'none=Blank'] })).toMatchObject({
      features: { input_bytes: 5, size: 2 ** 21 },
    })
    expect(named({ 'ignore-input': true })).toMatchObject({ features: {} })
  })

  test('what cannot be had is told of the entry', () => {
    expect(named({ 'task-from': 'Nothing' })).toBe('the column Nothing names no task')
    expect(named({ 'feature-from': ['size=Bad'] })).toBe('Bad, as the feature size, "many" cannot be read')
    expect(named({ rename: ['.*='] })).toBe('the name of the task is empty')
  })

  test.each([
    [{ rename: ['('] }, 'must be PATTERN=NAME'],
    [{ rename: ['(=x'] }, '--rename (=x: '],
    [{ 'feature-from': ['size'] }, 'must be KEY=VALUE'],
  ])('%j is refused', (values, message) => expect(() => readNaming({ values })).toThrow(message))
})

describe('the latest of each task', () => {
  const execution = (task: string, endedAtUnixMs: number) => ({ task, endedAtUnixMs })

  test('are kept whatever their order, and given oldest first', async () => {
    const order = fc.shuffledSubarray(Array.from({ length: 40 }, (_, i) => i))
    await fc.assert(
      fc.asyncProperty(order, fc.integer({ min: 1, max: 9 }), async (times, perTask) => {
        const latest = latestOfEach({ perTask, total: 1000 })
        for (const time of times) latest.add(execution(`task-${time % 3}`, time))
        const expected = [0, 1, 2].flatMap((kind) =>
          times
            .filter((time) => time % 3 === kind)
            .sort((a, b) => a - b)
            .slice(-perTask),
        )
        const { kept, left, oldestFirst } = await latest.settle()
        expect([kept, left]).toEqual([expected.length, times.length - expected.length])
        expect([...oldestFirst()].map(({ endedAtUnixMs }) => endedAtUnixMs)).toEqual(
          expected.sort((a, b) => a - b),
        )
      }),
    )
  })

  test('those without a time stay as they came', async () => {
    const latest = latestOfEach<{ task: string; n: number }>({ perTask: 3, total: 10 })
    for (let n = 0; n < 5; n++) latest.add({ task: 'a', n })
    const { oldestFirst } = await latest.settle()
    expect([...oldestFirst()].map(({ n }) => n)).toEqual([2, 3, 4])
  })

  test('where all together are too many, fewer of each are kept; more tasks than that are refused', async () => {
    const latest = latestOfEach({ perTask: 100, total: 40 })
    for (let i = 0; i < 400; i++) latest.add(execution(`task-${i % 4}`, i))
    const { kept, oldestFirst } = await latest.settle()
    expect(kept).toBeLessThanOrEqual(40)
    expect(kept).toBeGreaterThan(4)
    expect([...oldestFirst()].at(-1)?.endedAtUnixMs).toBe(399)
    expect(() => {
      for (let i = 0; i < 500; i++) latest.add(execution(`other-${i}`, i))
    }).toThrow('more than 40 tasks')
  })
})

test('clocks and times', () => {
  expect(['1-02:03:04', '02:03', '1:02:03.5', 'Unknown'].map(parseClock)).toEqual([
    93_784,
    123,
    3723.5,
    undefined,
  ])
  expect(['1714557600000', '2024-05-01T10:00:00', 'Unknown', ''].map(parseTime)).toEqual([
    1_714_557_600_000,
    1_714_557_600_000,
    undefined,
    undefined,
  ])
})
