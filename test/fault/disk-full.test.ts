import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { faultEnvironment } from '../support/faults.ts'
import { profilerProcess } from '../support/profiler-process.ts'
import { countOf, eventually, unary, wireRecord } from '../support/profiler-service.ts'
import { steadyClient } from '../support/steady-client.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const streaming = (address: string) =>
  steadyClient({ addresses: [address], sessionId: 's', task: 'streamed', executionsPerBatch: 3, window: 8 })

test.each([
  ['lmdb', 'low'],
  ['file', 'full'],
] as const)(
  '%s acknowledges nothing while the disk is %s, goes on answering, and recovers by itself',
  { timeout: 90_000 },
  async (store, state) => {
    const [folder, elsewhere] = [await temporaryDirectory(), await temporaryDirectory()]
    for (const path of [folder, elsewhere]) cleanups.push(() => rm(path, { recursive: true, force: true }))
    const full = join(elsewhere, 'full')
    const profiler = await profilerProcess(['--store', store, '--data-dir', folder])
    cleanups.push(() => profiler.kill())
    await profiler.start(await faultEnvironment({ folder, [state]: full }))
    const client = new ProfilerServiceClient(profiler.address, credentials.createInsecure())
    cleanups.push(async () => client.close())
    const worker = streaming(profiler.address)
    const update = (id: string) =>
      unary(client, 'updateProfile', { executions: [wireRecord(id, { task: { task: 'called' } })] })
    await update('before')
    await eventually(async () => worker.acknowledged() > 10)

    await writeFile(full, '')
    await expect(update('refused')).rejects.toThrow(expect.objectContaining({ code: 14 }))
    const acknowledged = worker.acknowledged()
    const failures = worker.failures()
    await eventually(async () => worker.failures() > failures + 3)
    expect(worker.acknowledged()).toBe(acknowledged)
    expect(await countOf(client, 'called')).toBe(1)
    expect(
      (
        await unary(client, 'listProfiles', {
          namespace: '',
          kind: 0,
          taskPrefix: '',
          pageSize: 0,
          pageToken: '',
        })
      ).profiles,
    ).toHaveLength(2)

    await rm(full)
    await eventually(async () => worker.acknowledged() > acknowledged + 10)
    expect(await update('refused')).toMatchObject({ rejections: [] })
    await worker.finish()
    expect(worker.refusals).toEqual([])
    expect(await countOf(client, 'streamed')).toBe(worker.made())
    expect(await countOf(client, 'called')).toBe(2)

    await profiler.kill()
    await profiler.start()
    expect(await countOf(client, 'streamed')).toBe(worker.made())
    expect(profiler.log()).not.toMatch(/damaged/)
  },
)

test('lmdb ends with a word where the disk fills up under a commit, and loses nothing that was acknowledged', {
  timeout: 90_000,
}, async () => {
  const [folder, elsewhere] = [await temporaryDirectory(), await temporaryDirectory()]
  for (const path of [folder, elsewhere]) cleanups.push(() => rm(path, { recursive: true, force: true }))
  const full = join(elsewhere, 'full')
  const profiler = await profilerProcess(['--store', 'lmdb', '--data-dir', folder])
  cleanups.push(() => profiler.kill())
  await profiler.start(await faultEnvironment({ folder, full }))
  const worker = streaming(profiler.address)
  await eventually(async () => worker.acknowledged() > 10)

  await writeFile(full, '')
  await eventually(async () => profiler.child().exitCode !== null || profiler.child().signalCode !== null)
  const acknowledged = worker.acknowledged()

  await rm(full)
  await profiler.start()
  await eventually(async () => worker.acknowledged() > acknowledged + 10)
  await worker.finish()
  expect(worker.refusals).toEqual([])
  const client = new ProfilerServiceClient(profiler.address, credentials.createInsecure())
  cleanups.push(async () => client.close())
  expect(await countOf(client, 'streamed')).toBe(worker.made())
  expect(profiler.log()).not.toMatch(/damaged/)
})
