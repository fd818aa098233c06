import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const temporaryDirectory = () => mkdtemp(join(tmpdir(), 'foresize-test-'))
