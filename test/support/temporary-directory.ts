import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []

/** Of a test gone once the tests of its file are through; who else makes one removes it. */
export async function temporaryDirectory(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'foresize-test-'))
  made.push(folder)
  return folder
}

export const removeTemporaryDirectories = () =>
  Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true })))
