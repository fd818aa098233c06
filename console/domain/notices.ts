import { noticeText } from '../../cli/notice-text.ts'
import type { NoticeKind } from '../../shared/domain/estimate.ts'
import { type Notice, NoticeKind as WireKind } from '../contract/gen/foresize/v1/estimator_service_pb.js'
import { dimensionOfWire } from './dimensions.ts'

const kinds: Readonly<Record<WireKind, NoticeKind | undefined>> = {
  [WireKind.UNSPECIFIED]: undefined,
  [WireKind.BEYOND_RANGE]: 'beyond-range',
  [WireKind.UNKNOWN_FEATURE]: 'unknown-feature',
  [WireKind.MISSING_FEATURE]: 'missing-feature',
  [WireKind.UNKNOWN_LABEL]: 'unknown-label',
  [WireKind.MISSING_LABEL]: 'missing-label',
  [WireKind.UNKNOWN_TASK]: 'unknown-task',
  [WireKind.FEW_EXECUTIONS]: 'few-executions',
  [WireKind.STALE_VIEW]: 'stale-view',
  [WireKind.CLAMPED]: 'clamped',
}

export interface ShownNotice {
  readonly kind: NoticeKind
  readonly text: string
}

/** Those that this page knows, in the words of the command line. */
export function shownNotices(notices: readonly Notice[], task: string): readonly ShownNotice[] {
  return notices.flatMap(({ kind, subject, number, nearest, dimension }) => {
    const known = kinds[kind]
    if (known === undefined) return []
    const notice = { kind: known, subject, number, nearest, dimension: dimensionOfWire(dimension) }
    return [{ kind: known, text: noticeText(notice, task) }]
  })
}
