import {
  create,
  type DescMessage,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  toJsonString,
} from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesOfJson, jsonOfBytes } from '../../../services/gateway/json-messages.ts'
import { atOnce } from '../../../shared/domain/at-once.ts'
import { contractRegistry } from '../../../shared/rpc/contract.ts'
import { fromExecutionRecord } from '../../../shared/wire/execution.ts'
import {
  GetProfileResponse,
  UpdateProfileRequest,
} from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { fromProfile } from '../../../shared/wire/profile.ts'
import { anyProfile, anyRecord } from '../../support/arbitraries.ts'
import { largestProfile } from '../../support/largest-profile.ts'

/** Law: what is read and written in steps is what protobuf-es reads and writes at once. */

const registry = contractRegistry()
const typeOf = (name: string) => registry.getMessage(`foresize.v1.${name}`) as DescMessage
const [request, response] = [typeOf('UpdateProfileRequest'), typeOf('GetProfileResponse')]

const readAtOnce = (type: DescMessage, text: string) => {
  const bytes = atOnce(bytesOfJson(type, Buffer.from(text), registry))
  return toJsonString(type, fromBinary(type, bytes))
}

test('a request of any executions is read as what it is, also where it is cut', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 5 }), fc.constantFrom(1, 100), (records, times) => {
      const executions = Array.from({ length: times }, () => records)
        .flat()
        .map(fromExecutionRecord)
      const message = fromBinary(request, UpdateProfileRequest.encode({ executions }).finish())
      const text = toJsonString(request, message)
      expect(readAtOnce(request, text)).toBe(text)
    }),
    { numRuns: 30 },
  )
})

test.each([
  ['nothing', '{}'],
  ['null for a list', '{"executions":null}'],
  ['names as the contract writes them', '{"executions":[{"execution_id":"a"},{"executionId":"b"}]}'],
])('a request of %s is read as by protobuf-es', (_, text) => {
  const expected = toJsonString(request, fromJson(request, JSON.parse(text)))
  expect(readAtOnce(request, text)).toBe(expected)
})

test.each([
  ['a list that is none', '{"executions":{}}'],
  ['a field that there is not', '{"executions":[{},{"tusk":1}]}'],
  ['a value of another type', '{"executions":[{"attempt":"x"},{}]}'],
  ['a list alone', '[]'],
  ['no JSON', '{"executions":[{},]}'],
])('a request of %s is refused', (_, text) => {
  expect(() => atOnce(bytesOfJson(request, Buffer.from(text), registry))).toThrow()
})

test('an answer with any profile is written as what it is, also where it is cut', () => {
  const largest = largestProfile({ namespace: 'default', kind: 'task', task: 'large' })
  fc.assert(
    fc.property(fc.oneof(anyProfile, fc.constant(largest)), (profile) => {
      const bytes = GetProfileResponse.encode({ profile: fromProfile(profile) }).finish()
      const written: unknown = JSON.parse(atOnce(jsonOfBytes(response, bytes)).toString())
      expect(written).toEqual(toJson(response, fromBinary(response, bytes)))
    }),
    { numRuns: 30 },
  )
  expect(atOnce(jsonOfBytes(response, toBinary(response, create(response)))).toString()).toBe('{}')
})
