import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lmdbMedium } from '../../../services/profiler/stores/lmdb.ts'
import { systemClock } from '../../../shared/runtime/clock.ts'
import { quietLog } from '../../support/profiler-fixture.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

test('a file that is not LMDB is refused by name and left as it is', async () => {
  const directory = await temporaryDirectory()
  const path = join(directory, 'profiles.lmdb')
  for (const content of ['short', 'x'.repeat(20_000)]) {
    await writeFile(path, content)
    await expect(
      lmdbMedium({ directory, codec: 'zstd', cachedProfiles: 10, minFreeBytes: 0 }, systemClock, quietLog),
    ).rejects.toThrow(`${path} is damaged or no LMDB file`)
    expect(await readFile(path, 'utf8')).toBe(content)
  }
  await rm(directory, { recursive: true })
})

test('what it wrote itself it opens again', async () => {
  const directory = await temporaryDirectory()
  for (let round = 0; round < 2; round++) {
    const medium = await lmdbMedium(
      { directory, codec: 'zstd', cachedProfiles: 10, minFreeBytes: 0 },
      systemClock,
      quietLog,
    )
    await medium.close()
  }
  await rm(directory, { recursive: true })
})
