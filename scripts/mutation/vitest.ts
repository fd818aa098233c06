import { expect, vi } from 'vitest'

/**
 * The part of vitest that the domain's tests use, collected instead of run: a mutant is then tried by calling a test
 * again, which takes milliseconds where a run of vitest takes seconds.
 */
export { expect, vi }

type Body<A extends readonly unknown[] = readonly unknown[]> = (...args: A) => unknown
export interface Case {
  readonly name: string
  readonly run: () => Promise<void>
}

interface Scope {
  readonly names: readonly string[]
  readonly before: Body[]
  readonly after: Body[]
}

export const cases: Case[] = []
let scope: Scope = { names: [], before: [], after: [] }

export function describe(name: string, body: () => void): void {
  const outer = scope
  scope = { names: [...outer.names, name], before: [...outer.before], after: [...outer.after] }
  body()
  scope = outer
}

/** Begins a test file: its hooks are not for others. */
export function beginFile(path: string): void {
  scope = { names: [path], before: [], after: [] }
}

export function test(name: string, body: Body): void {
  const { names, before, after } = scope
  cases.push({
    name: [...names, name].join(' > '),
    async run() {
      for (const hook of before) await hook()
      try {
        await body()
      } finally {
        for (const hook of after) await hook()
      }
    },
  })
}

test.each =
  <T>(rows: readonly T[]) =>
  (name: string, body: Body) => {
    for (const [i, row] of rows.entries())
      test(`${name} #${i}`, () => body(...(Array.isArray(row) ? row : [row])))
  }

export const beforeEach = (hook: Body): void => void scope.before.push(hook)
export const afterEach = (hook: Body): void => void scope.after.push(hook)
