import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ExecutionEnd, ExecutionStart } from '../../shared/wire/gen/foresize/v1/execution.ts'
import type { UsageBatch } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { openJournal, readFrames, recoverJournal } from '../../workers/typescript/journal.ts'
import { journaledSpool } from '../../workers/typescript/journaled-spool.ts'
import { readStat } from '../../workers/typescript/procfs.ts'
import { createSpool, type Spool } from '../../workers/typescript/spool.ts'
import { zombieProcess } from '../support/zombie-process.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-spool-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const start = (executionId: string) =>
  ExecutionStart.fromPartial({
    executionId,
    task: { namespace: 'default', task: 't' },
    attempt: 1,
    weight: 1,
  })
const end = (executionId: string) => ExecutionEnd.fromPartial({ executionId, outcome: 1 })
const journals = () => readdirSync(folder).filter((name) => name.endsWith('.journal'))

/** As if the process that wrote them were gone: no process has the pid 0. */
function orphan() {
  for (const name of journals()) {
    const [age, count, , , rest] = name.split('-')
    renameSync(join(folder, name), join(folder, `${age}-${count}-0-0-${rest}`))
  }
}

const errors: unknown[] = []
beforeEach(() => void errors.splice(0))
const spoolOn = (options: { maxSpoolBytes?: number; spoolFileBytes?: number } = {}): Spool =>
  journaledSpool(createSpool(), {
    spoolFolder: folder,
    onSpoolError: (error) => errors.push(error),
    ...options,
  })

function drain(spool: Spool): UsageBatch[] {
  const batches: UsageBatch[] = []
  for (let batch = spool.nextBatch(); batch !== undefined; batch = spool.nextBatch()) batches.push(batch)
  return batches
}
const ended = (batches: readonly UsageBatch[]) =>
  batches.flatMap(({ ends }) => ends.map(({ executionId, outcome }) => [executionId, outcome]))

test('frames read back as they were written', () => {
  const journal = openJournal(folder)
  journal.append({ starts: [start('a')] })
  journal.append({ ends: [end('a')] })
  journal.close()
  const { batches, isDamaged } = readFrames(readFileSync(join(folder, journals()[0] ?? '')))
  expect(isDamaged).toBe(false)
  expect(batches.map((batch) => [batch.starts.length, batch.ends.length])).toEqual([
    [1, 0],
    [0, 1],
  ])
})

test('a file cut anywhere, or with any byte flipped, gives the frames before the damage and no others', () => {
  const journal = openJournal(folder)
  for (const id of ['a', 'b', 'c']) journal.append({ starts: [start(id)] })
  journal.close()
  const whole = readFileSync(join(folder, journals()[0] ?? ''))
  const ids = ['a', 'b', 'c']
  const idsOf = (bytes: Buffer) => readFrames(bytes).batches.map(({ starts }) => starts[0]?.executionId)
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
      const cut = idsOf(whole.subarray(0, at))
      expect(cut).toEqual(ids.slice(0, cut.length))
      const flipped = Buffer.from(whole)
      flipped[at] = (flipped[at] as number) ^ bits
      const read = idsOf(flipped)
      expect(read).toEqual(ids.slice(0, read.length))
      expect(read.length).toBeLessThan(3)
      expect(readFrames(flipped).isDamaged).toBe(true)
    }),
  )
})

test("a living process's files are its own", () => {
  const journal = openJournal(folder)
  journal.append({ starts: [start('a')] })
  expect(recoverJournal(folder)).toBeUndefined()
  journal.close()
})

test('what a process left behind is sent by the next, and what it left open is lost', () => {
  const before = spoolOn()
  for (const id of ['a', 'b', 'c']) before.start(start(id))
  before.sample('a', { elapsedMs: 10, memoryBytes: 7 })
  before.sample('a', { elapsedMs: 20, memoryBytes: 5 })
  before.end(end('a'))
  before.end(end('b'))
  orphan()

  const after = spoolOn()
  const batches = drain(after)
  expect(batches.flatMap(({ starts }) => starts.map(({ executionId }) => executionId)).sort()).toEqual([
    'a',
    'b',
    'c',
  ])
  expect(ended(batches).sort()).toEqual([
    ['a', 1],
    ['b', 1],
    ['c', 7],
  ])
  expect(batches.flatMap(({ samples }) => samples)).toMatchObject([{ executionId: 'a', memoryBytes: [7] }])
  expect(after.acknowledge(batches.length)).toBe(true)
  after.close()
  expect(journals()).toEqual([])
  expect(errors).toEqual([])
})

test.runIf(process.platform === 'linux')('a process that nobody has waited for is gone too', async () => {
  spoolOn().start(start('a'))
  const zombie = await zombieProcess()
  for (const name of journals()) {
    const [age, count, , , rest] = name.split('-')
    const owner = `${zombie}-${readStat(zombie)?.startTicks}`
    renameSync(join(folder, name), join(folder, `${age}-${count}-${owner}-${rest}`))
  }
  expect(ended(drain(spoolOn()))).toEqual([['a', 7]])
})

test('killed again while it recovers, nothing is lost either', () => {
  const first = spoolOn()
  first.start(start('a'))
  first.end(end('a'))
  orphan()
  spoolOn()
  orphan()
  expect(ended(drain(spoolOn()))).toEqual([['a', 1]])
})

test('a torn end is told of, and what stands before it is sent', () => {
  const before = spoolOn()
  before.start(start('a'))
  before.end(end('a'))
  appendFileSync(join(folder, journals()[0] ?? ''), Buffer.from([9, 0, 0, 0, 1]))
  orphan()
  expect(ended(drain(spoolOn()))).toEqual([['a', 1]])
  expect(errors).toHaveLength(1)
})

test('acknowledged files go, however much is written, and what is open stays recoverable', () => {
  const spool = spoolOn({ spoolFileBytes: 2000 })
  spool.start(start('open'))
  let sequence = 0
  for (let i = 0; i < 500; i++) {
    spool.start(start(`e${i}`))
    spool.end(end(`e${i}`))
    drain(spool)
    sequence = spool.unacknowledged().at(-1)?.sequence ?? sequence
    expect(spool.acknowledge(sequence)).toBe(true)
  }
  expect(journals().length).toBeLessThanOrEqual(2)
  orphan()
  expect(ended(drain(spoolOn()))).toContainEqual(['open', 7])
})

test('nothing goes before it is acknowledged, whatever is written behind it', () => {
  const spool = spoolOn({ spoolFileBytes: 500 })
  for (let i = 0; i < 50; i++) {
    spool.start(start(`e${i}`))
    spool.end(end(`e${i}`))
  }
  drain(spool)
  spool.restart()
  orphan()
  expect(ended(drain(spoolOn()))).toHaveLength(50)
})

test('a full spool takes no new execution and still takes ends', () => {
  const spool = spoolOn({ maxSpoolBytes: 300 })
  const taken = Array.from({ length: 20 }, (_, i) => `e${i}`).filter((id) => spool.start(start(id)))
  expect(taken.length).toBeGreaterThan(0)
  expect(taken.length).toBeLessThan(20)
  for (const id of taken) spool.end(end(id))
  expect(ended(drain(spool))).toHaveLength(taken.length)
})

test('a folder that cannot be written is told of, and the spool goes on in memory', () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const spool = journaledSpool(createSpool(), {
    spoolFolder: file,
    onSpoolError: (error) => errors.push(error),
  })
  expect(spool.start(start('a'))).toBe(true)
  spool.end(end('a'))
  expect(ended(drain(spool))).toEqual([['a', 1]])
  expect(errors.length).toBeGreaterThan(0)
})
