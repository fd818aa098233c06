import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []
// Registered first, it runs last. Benches, which import this too, remove what they make.
if (process.env['VITEST'] !== undefined) {
  const { afterAll } = await import('vitest')
  afterAll(async () => {
    await Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true })))
  })
}

/** Gone once the tests of this file are through. */
export async function temporaryDirectory(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'foresize-test-'))
  made.push(folder)
  return folder
}
