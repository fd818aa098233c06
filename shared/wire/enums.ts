import { clampKinds, estimateSources, noticeKinds } from '../domain/estimate.ts'
import { measurementSources, outcomes } from '../domain/execution.ts'
import { profileKinds } from '../domain/profile.ts'
import { dimensions } from '../domain/resources.ts'
import type { ClampKind, EstimateSource, NoticeKind } from './gen/foresize/v1/estimator_service.ts'
import type { MeasurementSource, Outcome } from './gen/foresize/v1/execution.ts'
import type { ProfileKind } from './gen/foresize/v1/profile.ts'
import type { Dimension } from './gen/foresize/v1/resources.ts'

/** A closed list of words and their numbers on the wire. Law: test/unit/wire/enums.test.ts holds each to its .proto. */
interface WireEnum<Word extends string, Wire extends number> {
  /** `undefined` for a number that has no word: unspecified, or newer than this program. */
  toWord(wire: number): Word | undefined
  toWire(word: Word): Wire
}

function wireEnum<Word extends string, Wire extends number>(
  words: readonly Word[],
  first: 0 | 1,
): WireEnum<Word, Wire> {
  const numbers = new Map(words.map((word, index) => [word, (index + first) as Wire]))
  return {
    toWord: (wire) => words[wire - first],
    toWire: (word) => numbers.get(word) as Wire,
  }
}

export const dimensionEnum = wireEnum<(typeof dimensions)[number], Dimension>(dimensions, 1)
export const outcomeEnum = wireEnum<(typeof outcomes)[number], Outcome>(outcomes, 1)
export const profileKindEnum = wireEnum<(typeof profileKinds)[number], ProfileKind>(profileKinds, 1)
export const estimateSourceEnum = wireEnum<(typeof estimateSources)[number], EstimateSource>(
  estimateSources,
  1,
)
export const clampKindEnum = wireEnum<(typeof clampKinds)[number], ClampKind>(clampKinds, 1)
export const noticeKindEnum = wireEnum<(typeof noticeKinds)[number], NoticeKind>(noticeKinds, 1)
/** `unknown` is the zero. */
export const measurementSourceEnum = wireEnum<(typeof measurementSources)[number], MeasurementSource>(
  measurementSources,
  0,
)
