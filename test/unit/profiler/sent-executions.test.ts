import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sentExecutionSteps } from '../../../services/profiler/sent-executions.ts'
import { atOnce } from '../../../shared/domain/at-once.ts'
import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import { written } from '../../../shared/wire/profile-bytes.ts'
import { writeExecution } from '../../../shared/wire/profile-writer.ts'
import { recordOf } from '../../support/executions.ts'

const sentBytes = (executions: readonly ExecutionRecord[]) =>
  atOnce(written((writer) => sentExecutionSteps(executions, writer)))

const plainBytes = (executions: readonly ExecutionRecord[]) =>
  atOnce(
    // biome-ignore lint/correctness/useYield: it has one step
    written(function* (writer) {
      for (const each of executions) writeExecution(writer, each)
    }),
  )

/** What becomes of the executions of a profile between two times that they are sent. */
const anyChange = fc.record({
  dropped: fc.nat({ max: 4 }),
  added: fc.nat({ max: 12 }),
  /** Read anew from a store: the same executions as other objects. */
  isReadAnew: fc.boolean(),
  /** A watcher that lags is sent what another was sent before. */
  isSentOfBefore: fc.boolean(),
})

test('executions are sent as they are, whatever was sent of their profile before', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 12 }), (changes) => {
      let ids = 0
      let before: readonly ExecutionRecord[] = []
      for (const { dropped, added, isReadAnew, isSentOfBefore } of changes) {
        const kept = isReadAnew ? before.map((each) => ({ ...each })) : before
        const news = Array.from({ length: added }, () => recordOf('x'.repeat(ids % 40) + ids++))
        const after = [...kept.slice(dropped), ...news]
        expect(sentBytes(after)).toEqual(plainBytes(after))
        if (isSentOfBefore) expect(sentBytes(before)).toEqual(plainBytes(before))
        before = after
      }
    }),
  )
})

test('lists that end with the same execution are told apart', () => {
  const [a, b, last] = [recordOf('a'), recordOf('b'), recordOf('last')]
  for (const list of [[a, last], [b, last], [last], [a, b, last], [a, last, b]])
    expect(sentBytes(list)).toEqual(plainBytes(list))
})
