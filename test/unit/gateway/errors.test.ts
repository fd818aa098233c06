import { create, toBinary } from '@bufbuild/protobuf'
import { anyPack, DurationSchema } from '@bufbuild/protobuf/wkt'
import { Code, ConnectError } from '@connectrpc/connect'
import { Metadata, status } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import { connectErrorOf } from '../../../services/gateway/errors.ts'

const staying = new AbortController().signal
const connected = { name: 'estimator', isConnected: true, signal: staying }
const failureOf = (code: status, details: string, metadata = new Metadata()) => ({ code, details, metadata })

describe('what a service says goes to the caller', () => {
  test.each([
    [status.INVALID_ARGUMENT, Code.InvalidArgument],
    [status.NOT_FOUND, Code.NotFound],
    [status.RESOURCE_EXHAUSTED, Code.ResourceExhausted],
    [status.UNAVAILABLE, Code.Unavailable],
    [status.UNAUTHENTICATED, Code.Unauthenticated],
  ])('code %i, with its words', (code, expected) => {
    const error = connectErrorOf(failureOf(code, 'query.task: ünbekannt, 100 %'), connected)
    expect([error.code, error.rawMessage]).toEqual([expected, 'query.task: ünbekannt, 100 %'])
  })

  test('and its details', () => {
    const duration = create(DurationSchema, { seconds: 3n })
    const { typeUrl, value } = anyPack(DurationSchema, duration)
    // google.rpc.Status: code 1, message 2, details 3.
    const any = Buffer.concat([
      Buffer.from([0x0a, typeUrl.length]),
      Buffer.from(typeUrl),
      Buffer.from([0x12, value.length]),
      value,
    ])
    const bytes = Buffer.concat([
      Buffer.from([0x08, status.ABORTED, 0x12, 2]),
      Buffer.from('no'),
      Buffer.from([0x1a, any.length]),
      any,
    ])
    const metadata = new Metadata()
    metadata.set('grpc-status-details-bin', bytes)
    const error = connectErrorOf(failureOf(status.ABORTED, 'no', metadata), connected)
    expect(error.code).toBe(Code.Aborted)
    const [found] = error.findDetails(DurationSchema)
    expect(found && toBinary(DurationSchema, found)).toEqual(toBinary(DurationSchema, duration))
  })
})

describe('what is said of connections names no address', () => {
  const words = 'No connection established. Last error: connect ECONNREFUSED 10.1.2.3:7071'

  test('of a service that is away', () => {
    const error = connectErrorOf(failureOf(status.UNAVAILABLE, words), { ...connected, isConnected: false })
    expect([error.code, error.rawMessage]).toEqual([Code.Unavailable, 'the estimator cannot be reached'])
  })

  test('of one that is late', () => {
    const late = 'Deadline exceeded after 0.5s,remote_addr=10.1.2.3:7071'
    const error = connectErrorOf(failureOf(status.DEADLINE_EXCEEDED, late), connected)
    expect([error.code, error.rawMessage]).toEqual([
      Code.DeadlineExceeded,
      'the estimator did not answer within the deadline',
    ])
  })
})

test('a call that its caller ended fails with the reason of that', () => {
  const reason = new ConnectError('the gateway is stopping', Code.Unavailable)
  const signal = AbortSignal.abort(reason)
  expect(connectErrorOf(failureOf(status.CANCELLED, 'Cancelled on client'), { ...connected, signal })).toBe(
    reason,
  )
  const gone = connectErrorOf(failureOf(status.CANCELLED, ''), { ...connected, signal: AbortSignal.abort() })
  expect(gone.code).toBe(Code.Canceled)
})
