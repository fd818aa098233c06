import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isPresent, noteOf, type Sdk } from './sdks.ts'

/** Tests of what `make` builds or fetches where a machine has the means. Where it is not, CI fails and the end of `make test` says so. */
export function wherePresent(needed: Pick<Sdk, 'name' | 'needs'>, suite: string, tests: () => void): void {
  if (isPresent(needed, suite)) describe(suite, tests)
  else
    test(`without ${needed.name} it is said that these are not run`, () => {
      expect(existsSync(noteOf(needed.name, suite))).toBe(true)
    })
}
