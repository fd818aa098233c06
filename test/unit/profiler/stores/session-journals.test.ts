import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { SessionCheckpoint, StoredSession } from '../../../../services/profiler/store.ts'
import { sessionJournals } from '../../../../services/profiler/stores/session-journals.ts'
import { quietLog } from '../../../support/profiler-fixture.ts'
import { temporaryDirectory } from '../../../support/temporary-directory.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function subject() {
  const folder = await temporaryDirectory()
  cleanups.push(() => rm(folder, { recursive: true }))
  const aside: string[] = []
  const open = () =>
    sessionJournals(
      folder,
      async (path) => {
        aside.push(path)
        await rm(path)
      },
      quietLog,
    )
  const path = async () => join(folder, (await readdir(folder))[0] ?? '')
  return { folder, open, aside, path }
}

async function loaded(journals: ReturnType<typeof sessionJournals>) {
  const found = new Map<string, StoredSession>()
  for await (const [id, session] of journals.load()) found.set(id, session)
  return found
}

const checkpoint = (version: number, text = `${version}`): SessionCheckpoint => ({
  version,
  owner: 'me',
  dueUnixMs: 1,
  parts: new Map([[`p${version % 3}`, { value: Buffer.from(text), counts: { n: version } }]]),
})

/** Writes one version after the other. Resolves to how long the file was after each. */
async function writeAll(
  journals: ReturnType<typeof sessionJournals>,
  path: () => Promise<string>,
  count: number,
  text?: string,
) {
  const lengths: number[] = []
  let before: StoredSession | undefined
  for (let version = 1; version <= count; version++) {
    const next = checkpoint(version, text)
    await journals.write([{ id: 's', before, checkpoint: next }])
    const parts = new Map(before?.parts)
    for (const [name, part] of next.parts) if (part) parts.set(name, part)
    before = { version, owner: 'me', dueUnixMs: 1, parts }
    lengths.push((await stat(await path())).size)
  }
  return lengths
}

test('cut at any byte, a journal is what it was after its last whole write', async () => {
  const { open, path, aside } = await subject()
  const lengths = await writeAll(open(), path, 5)
  const place = await path()
  const content = await readFile(place)
  for (let bytes = content.length; bytes >= (lengths[0] as number); bytes--) {
    await writeFile(place, content.subarray(0, bytes))
    const version = lengths.filter((length) => length <= bytes).length
    expect((await loaded(open())).get('s')?.version).toBe(version)
  }
  expect(aside).toEqual([])
})

test('after a cut write goes on: what is there is written anew', async () => {
  const { open, path } = await subject()
  await writeAll(open(), path, 3)
  const place = await path()
  const content = await readFile(place)
  await writeFile(place, content.subarray(0, content.length - 3))
  const again = open()
  const before = (await loaded(again)).get('s')
  expect(before?.version).toBe(2)
  await again.write([{ id: 's', before, checkpoint: checkpoint(3, 'anew') }])
  await again.write([{ id: 's', before: undefined, checkpoint: checkpoint(4, 'more') }])
  const found = (await loaded(open())).get('s')
  expect(found?.version).toBe(4)
  const texts = [...(found?.parts ?? [])].map(([name, { value }]) => [name, Buffer.from(value).toString()])
  expect(Object.fromEntries(texts)).toEqual({ p2: '2', p0: 'anew', p1: 'more' })
})

test('damaged before its last write it is put aside', async () => {
  const { open, path, aside } = await subject()
  await writeAll(open(), path, 3)
  const content = await readFile(await path())
  content.writeUInt8(content.readUInt8(12) ^ 1, 12)
  await writeFile(await path(), content)
  expect((await loaded(open())).size).toBe(0)
  expect(aside).toHaveLength(1)
})

test('a journal does not grow without bound', async () => {
  const { open, path } = await subject()
  const lengths = await writeAll(open(), path, 100, 'x'.repeat(10_000))
  expect(Math.max(...lengths)).toBeLessThan(2 * 3 * 10_000 + 100_000)
})

test('a session that an earlier program wrote whole gives way to its journal', async () => {
  const { folder, open } = await subject()
  await mkdir(folder, { recursive: true })
  const whole = await readFile(new URL('../../../fixtures/session-whole.bin', import.meta.url))
  await writeFile(join(folder, 's.session'), Buffer.concat([Buffer.from([1, 0]), Buffer.from('s'), whole]))
  const journals = open()
  const before = (await loaded(journals)).get('s')
  expect(before).toMatchObject({ version: 3, owner: 'earlier' })
  await journals.write([{ id: 's', before, checkpoint: checkpoint(4) }])
  expect(await readdir(folder)).toEqual(['s.journal'])
  expect((await loaded(open())).get('s')?.version).toBe(4)
})
