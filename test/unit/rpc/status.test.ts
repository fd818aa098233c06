import { status } from '@grpc/grpc-js'
import pino from 'pino'
import { expect, test } from 'vitest'
import { ForesizeError, failures } from '../../../shared/domain/errors.ts'
import { statusOf } from '../../../shared/rpc/client.ts'
import { toServiceError } from '../../../shared/rpc/status.ts'

function recordingLog() {
  const lines: Record<string, unknown>[] = []
  return { lines, log: pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }) }
}

const expected = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  conflict: status.ABORTED,
  'out-of-order': status.FAILED_PRECONDITION,
  overloaded: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  unsupported: status.UNIMPLEMENTED,
} as const

test.each(failures)('%s has its one status, and its message is for the caller', (failure) => {
  const { lines, log } = recordingLog()
  const error = toServiceError(new ForesizeError(failure, 'task.task: is required'), log)
  expect([error.code, error.details]).toEqual([expected[failure], 'task.task: is required'])
  expect(lines).toEqual([])
})

test('a cause is logged, never sent', () => {
  const { lines, log } = recordingLog()
  const cause = new Error('ECONNREFUSED 10.1.2.3:6379')
  const error = toServiceError(
    new ForesizeError('unavailable', 'the store cannot be reached', { cause }),
    log,
  )
  expect(JSON.stringify([error.message, error.details, error.metadata?.toJSON()])).not.toContain('10.1.2.3')
  expect(JSON.stringify(lines)).toContain('10.1.2.3')
})

test.each([new TypeError('x of undefined'), 'a text', undefined])(
  'an error that nobody meant is INTERNAL, tells nothing and is logged: %s',
  (thrown) => {
    const { lines, log } = recordingLog()
    const error = toServiceError(thrown, log)
    expect([error.code, error.details, error.message]).toEqual([
      status.INTERNAL,
      'internal error',
      'internal error',
    ])
    expect(lines).toHaveLength(1)
  },
)

test('the status of a rejected call is read back; another error has none', () => {
  const { log } = recordingLog()
  expect(statusOf(toServiceError(new ForesizeError('conflict', 'again'), log))).toBe(status.ABORTED)
  expect(statusOf(new Error('no'))).toBeUndefined()
  expect(statusOf(Object.assign(new Error('no'), { code: 'ENOENT' }))).toBeUndefined()
})
