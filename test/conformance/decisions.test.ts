import { expect, test } from 'vitest'
import { sizingReasons } from '../../services/scheduler/domain/sizing.ts'
import {
  type Decision,
  decideRetry,
  decideSizing,
  readDecisions,
  refusedSetting,
} from './decisions/decisions.ts'

/** Held here, and by the suites of workers/python and workers/go: the sizers of three languages decide alike. */
const decisions = readDecisions()
const of = <K extends Decision['kind']>(kind: K) =>
  decisions.filter((each): each is Extract<Decision, { kind: K }> => each.kind === kind)

/** As JSON carries it. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test('what a task is given is as decided', () => {
  for (const given of of('sizing')) expect(plain(decideSizing(given)), given.law).toEqual(given.decision)
})

test('whether there is a next attempt is as decided', () => {
  for (const given of of('retry')) expect(plain(decideRetry(given)), given.law).toEqual(given.next)
})

test('what makes no sense is refused by name', () => {
  for (const given of of('refused')) expect(refusedSetting(given)).toBe(given.setting)
})

test('every reason occurs often enough that a language which has it wrong is found', () => {
  for (const reason of sizingReasons) {
    const some = of('sizing').filter(({ decision }) => decision.sizing.reason === reason)
    expect(some.length, reason).toBeGreaterThan(4)
  }
  expect(of('retry').filter(({ next }) => next === null).length).toBeGreaterThan(4)
})
