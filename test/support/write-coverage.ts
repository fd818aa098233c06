import { takeCoverage } from 'node:v8'
import { afterAll } from 'vitest'

/** A test worker is ended by a signal, on which Node writes no coverage: each test file writes its own. */
afterAll(takeCoverage)
