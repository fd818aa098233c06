import { fileURLToPath } from 'node:url'
import { loadSync } from '@grpc/proto-loader'
import { expect, test } from 'vitest'
import { clampKinds, estimateSources, noticeKinds } from '../../../shared/domain/estimate.ts'
import { measurementSources, outcomes } from '../../../shared/domain/execution.ts'
import { profileKinds } from '../../../shared/domain/profile.ts'
import { dimensions } from '../../../shared/domain/resources.ts'
import {
  clampKindEnum,
  dimensionEnum,
  estimateSourceEnum,
  measurementSourceEnum,
  noticeKindEnum,
  outcomeEnum,
  profileKindEnum,
} from '../../../shared/wire/enums.ts'

/** The independent reader of the contract: what proto-loader makes of the .proto files. */
const proto = loadSync(['foresize/v1/profiler_service.proto', 'foresize/v1/estimator_service.proto'], {
  includeDirs: [fileURLToPath(new URL('../../../proto', import.meta.url))],
  keepCase: true,
})

function values(name: string): ReadonlyMap<string, number> {
  const definition = proto[`foresize.v1.${name}`]
  const { type } = definition as unknown as {
    readonly type: { readonly value: readonly { readonly name: string; readonly number: number }[] }
  }
  return new Map(type.value.map((value) => [value.name, value.number]))
}

const shout = (word: string) =>
  word
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .replaceAll('-', '_')
    .toUpperCase()

const enums = [
  ['Dimension', 'DIMENSION', dimensions, dimensionEnum],
  ['Outcome', 'OUTCOME', outcomes, outcomeEnum],
  ['ProfileKind', 'PROFILE_KIND', profileKinds, profileKindEnum],
  ['EstimateSource', 'ESTIMATE_SOURCE', estimateSources, estimateSourceEnum],
  ['ClampKind', 'CLAMP_KIND', clampKinds, clampKindEnum],
  ['NoticeKind', 'NOTICE_KIND', noticeKinds, noticeKindEnum],
] as const

test.each(enums)('every word of %s has the number that its .proto gives', (name, prefix, words, codec) => {
  const numbers = values(name)
  expect(numbers.get(`${prefix}_UNSPECIFIED`)).toBe(0)
  expect(numbers.size).toBe(words.length + 1)
  for (const word of words) {
    const wire = (codec as { toWire(word: string): number }).toWire(word)
    expect([word, wire]).toEqual([word, numbers.get(`${prefix}_${shout(word)}`)])
    expect(codec.toWord(wire)).toBe(word)
  }
})

test.each(enums)(
  '%s has no word for unspecified, for a newer number, or for a negative one',
  (_n, _p, words, codec) => {
    for (const wire of [0, -1, words.length + 1, 2 ** 31 - 1]) expect(codec.toWord(wire)).toBeUndefined()
  },
)

test('a measurement may have an unknown source: the zero of its enum', () => {
  const numbers = values('MeasurementSource')
  expect(numbers.size).toBe(measurementSources.length)
  expect(measurementSourceEnum.toWire('unknown')).toBe(numbers.get('MEASUREMENT_SOURCE_UNSPECIFIED'))
  for (const word of measurementSources.filter((word) => word !== 'unknown')) {
    expect(measurementSourceEnum.toWire(word)).toBe(numbers.get(`MEASUREMENT_SOURCE_${shout(word)}`))
    expect(measurementSourceEnum.toWord(measurementSourceEnum.toWire(word))).toBe(word)
  }
  expect(measurementSourceEnum.toWord(measurementSources.length)).toBeUndefined()
})
