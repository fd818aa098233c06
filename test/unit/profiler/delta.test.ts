import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyDeltas, baseOf, deltaOf, isDeltaOf, sealedIn } from '../../../services/profiler/delta.ts'
import { defaultFoldSettings, foldAll } from '../../../services/profiler/domain/fold.ts'
import { DamagedRecord, openProfile, sealProfile } from '../../../services/profiler/envelope.ts'
import type { Profile, ProfileKey } from '../../../shared/domain/profile.ts'
import { encodeProfile } from '../../../shared/wire/profile-bytes.ts'
import { recordOf } from '../../support/executions.ts'

const key: ProfileKey = { namespace: 'default', kind: 'task', task: 'a' }
const settings = { ...defaultFoldSettings, maxExecutions: 8, droppedExecutions: 3, maxFolded: 20 }

let ids = 0
function folded(before: Profile | undefined, count: number): Profile {
  const finished = Array.from({ length: count }, () => ({
    record: recordOf(`e${ids++}`, undefined, { outcome: ids % 3 === 0 ? 'lost' : 'succeeded' }),
  }))
  return foldAll(before, key, finished, 1_800_000_000_000 + ids, settings).profile
}

test('a profile and its deltas give back what it has become, byte for byte', async () => {
  let most = 0
  const counts = fc.array(fc.integer({ min: 1, max: 9 }))
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 40 }), counts, async (first, more) => {
      let profile = folded(undefined, first)
      let sealed = await sealProfile(profile, 'zstd')
      let base = baseOf(profile, sealed)
      let deltas: Buffer[] = []
      for (const count of more) {
        profile = folded(profile, count)
        const next = await deltaOf(base, profile)
        if (next === undefined) {
          sealed = await sealProfile(profile, 'zstd')
          base = baseOf(profile, sealed)
          deltas = []
          continue
        }
        expect(next.index).toBe(deltas.length)
        const last = deltas.at(-1)
        expect(isDeltaOf(last ? sealedIn(last) : sealed, next.delta)).toBe(true)
        base = next.base
        deltas.push(next.delta)
        most = Math.max(most, deltas.length)
        expect(encodeProfile(await applyDeltas(await openProfile(sealed), deltas))).toEqual(
          encodeProfile(profile),
        )
      }
    }),
  )
  expect(most).toBeGreaterThan(3)
})

test('each write of a task that runs often tells only what is new, until that is as much as the profile', async () => {
  let profile = folded(undefined, 1)
  let base = baseOf(profile, await sealProfile(profile, 'zstd'))
  let [deltas, wholes] = [0, 0]
  for (let i = 0; i < 1000; i++) {
    profile = folded(profile, 1)
    const next = await deltaOf(base, profile)
    if (next !== undefined) {
      deltas++
      expect(next.delta.length).toBeLessThan(1000)
      base = next.base
    } else {
      wholes++
      base = baseOf(profile, await sealProfile(profile, 'zstd'))
    }
  }
  expect(wholes).toBeGreaterThan(0)
  expect(deltas).toBeGreaterThan(10 * wholes)
})

test('a few executions more are told in a few bytes', async () => {
  const before = foldAll(
    undefined,
    key,
    Array.from({ length: 4096 }, () => ({ record: recordOf(`e${ids++}`) })),
    1_800_000_000_000,
    defaultFoldSettings,
  ).profile
  const sealed = await sealProfile(before, 'zstd')
  expect(sealed.length).toBeGreaterThan(20_000)
  expect((await deltaOf(baseOf(before, sealed), folded(before, 3)))?.delta.length).toBeLessThan(2000)
})

test('a profile that did not grow out of the base is stored whole', async () => {
  const before = folded(undefined, 5)
  const base = baseOf(before, await sealProfile(before, 'zstd'))
  expect(await deltaOf(base, folded(undefined, 6))).toBeUndefined()
  expect(await deltaOf(base, { ...before, executions: [] })).toBeUndefined()
  const [first = 0, ...rest] = before.folded
  expect(await deltaOf(base, { ...before, folded: Float64Array.of(first + 1, ...rest) })).toBeUndefined()
})

test('a delta is of one record only, and one that is torn or flipped is damaged', async () => {
  const before = folded(undefined, 5)
  const sealed = await sealProfile(before, 'zstd')
  const { delta = Buffer.alloc(0) } = (await deltaOf(baseOf(before, sealed), folded(before, 1))) ?? {}
  expect(isDeltaOf(await sealProfile(folded(before, 1), 'zstd'), delta)).toBe(false)
  const applied = async (one: Buffer) => isDeltaOf(sealed, one) && applyDeltas(before, [one])
  for (let at = 0; at < delta.length; at++) {
    const flipped = Buffer.from(delta)
    flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at)
    await expect(applied(flipped)).rejects.toThrow(DamagedRecord)
    const torn = delta.subarray(0, at)
    await expect(applied(torn)).rejects.toThrow(DamagedRecord)
  }
})
