import { afterAll } from 'vitest'
import { removeTemporaryDirectories } from './temporary-directory.ts'

// Registered before what the file itself registers, it runs after that.
afterAll(removeTemporaryDirectories)
