import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  fromConfidence,
  fromQuery,
  toConfidence,
  toEstimate,
  toNotices,
  toQuery,
} from '../../../shared/wire/estimate.ts'
import {
  fromExecutionEnd,
  fromExecutionRecord,
  fromExecutionStart,
  toExecutionEnd,
  toExecutionRecord,
  toExecutionStart,
  toLeaseMs,
} from '../../../shared/wire/execution.ts'
import {
  ConfidenceResponse,
  Estimate,
  EstimateQuery,
} from '../../../shared/wire/gen/foresize/v1/estimator_service.ts'
import {
  ExecutionEnd,
  ExecutionRecord,
  ExecutionStart,
} from '../../../shared/wire/gen/foresize/v1/execution.ts'
import { Profile, ProfileKey } from '../../../shared/wire/gen/foresize/v1/profile.ts'
import { inspect } from '../../../shared/wire/inspection.ts'
import { fromProfile, fromProfileKey, toProfile, toProfileKey } from '../../../shared/wire/profile.ts'
import { encodeProfile } from '../../../shared/wire/profile-bytes.ts'
import {
  anyConfidence,
  anyEstimate,
  anyProfile,
  anyProfileKey,
  anyQuery,
  anyRecord,
} from '../../support/arbitraries.ts'
import { messageOf } from '../../support/estimate-message.ts'

/** Law: whatever the domain holds comes back the same from its bytes. */

test('an execution record', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const bytes = ExecutionRecord.encode(fromExecutionRecord(record)).finish()
      const read = inspect((seen) => toExecutionRecord(ExecutionRecord.decode(bytes), '', seen))
      expect({ ...read, estimateToken: Uint8Array.from(read.estimateToken) }).toEqual(record)
    }),
  )
})

test('the start and the end of an execution, and its lease', () => {
  fc.assert(
    fc.property(
      anyRecord,
      fc.nat(),
      ({ used, outcome, source, measured, endedAtUnixMs: _, ...start }, leaseMs) => {
        const startBytes = ExecutionStart.encode(fromExecutionStart(start, leaseMs % 600_000)).finish()
        const message = ExecutionStart.decode(startBytes)
        const read = inspect((seen) => toExecutionStart(message, 'start', seen))
        expect({ ...read, estimateToken: Uint8Array.from(read.estimateToken) }).toEqual(start)
        expect(inspect((seen) => toLeaseMs(message, 'start', seen))).toBe(leaseMs % 600_000)

        const end = { executionId: start.executionId, used, outcome, source, measured }
        const endBytes = ExecutionEnd.encode(fromExecutionEnd(end)).finish()
        expect(inspect((seen) => toExecutionEnd(ExecutionEnd.decode(endBytes), 'end', seen))).toEqual(end)
      },
    ),
  )
})

test('a query, its policy included', () => {
  fc.assert(
    fc.property(anyQuery, (query) => {
      const bytes = EstimateQuery.encode(fromQuery(query)).finish()
      expect(inspect((seen) => toQuery(EstimateQuery.decode(bytes), 'query', seen))).toEqual(query)
    }),
  )
})

test('an estimate', () => {
  fc.assert(
    fc.property(anyEstimate, fc.nat(), (estimate, stalenessMs) => {
      const bytes = Estimate.encode(messageOf(estimate, stalenessMs)).finish()
      const { estimateToken: _, ...read } = toEstimate(Estimate.decode(bytes))
      expect(read).toEqual({ ...estimate, stalenessMs })
    }),
  )
})

test('a confidence', () => {
  fc.assert(
    fc.property(anyConfidence, fc.nat(), (confidence, stalenessMs) => {
      const bytes = ConfidenceResponse.encode(fromConfidence(confidence, stalenessMs)).finish()
      expect(toConfidence(ConfidenceResponse.decode(bytes))).toEqual({ ...confidence, stalenessMs })
    }),
  )
})

test('a notice of a kind that is newer than this program is left unread', () => {
  const known = { kind: 1, subject: 'input_bytes', number: 2, nearest: [], dimension: 0 } as const
  const newer = { ...known, kind: 99 as never }
  expect(toNotices([newer, known]).map(({ kind }) => kind)).toEqual(['beyond-range'])
})

test('a profile and its key', () => {
  fc.assert(
    fc.property(anyProfile, anyProfileKey, (profile, key) => {
      const read = inspect((seen) => toProfile(Profile.decode(encodeProfile(profile)), '', seen))
      expect(encodeProfile(read)).toEqual(encodeProfile(profile))
      expect({ ...read, executions: [] }).toEqual({ ...profile, executions: [] })
      const keyBytes = ProfileKey.encode(fromProfileKey(key)).finish()
      expect(inspect((seen) => toProfileKey(ProfileKey.decode(keyBytes), 'key', seen))).toEqual(key)
    }),
  )
})

test('a profile as JSON, and its JSON again: the same bytes', () => {
  fc.assert(
    fc.property(anyProfile, (profile) => {
      const text = JSON.stringify(Profile.toJSON(fromProfile(profile)))
      const bytes = Profile.encode(Profile.fromJSON(JSON.parse(text))).finish()
      expect(Buffer.from(bytes)).toEqual(encodeProfile(profile))
    }),
  )
})

test('the same features in another order are the same bytes', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const turned = {
        ...record,
        features: Object.fromEntries(Object.entries(record.features).reverse()),
        labels: Object.fromEntries(Object.entries(record.labels).reverse()),
      }
      const bytesOf = (value: typeof record) => {
        const read = inspect((seen) => toExecutionRecord(fromExecutionRecord(value), '', seen))
        return ExecutionRecord.encode(fromExecutionRecord(read)).finish()
      }
      expect(bytesOf(turned)).toEqual(bytesOf(record))
    }),
  )
})
