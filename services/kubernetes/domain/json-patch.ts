import type { Decision } from './decision.ts'
import type { Pod } from './pod.ts'

/** RFC 6902. */
export interface PatchOperation {
  readonly op: 'add'
  readonly path: string
  readonly value: unknown
}

/**
 * Writes a decision to a Pod, or to the template at `prefix` of what makes Pods. Annotations and resources that the
 * decision does not name stay.
 */
export function patchOf(
  pod: Pod,
  prefix: string,
  index: number,
  decision: Decision,
): readonly PatchOperation[] {
  const add = (path: string, value: unknown): PatchOperation => ({
    op: 'add',
    path: `${prefix}${path}`,
    value,
  })
  const { annotations, resources } = decision
  const ofResources = resources === undefined ? [] : [add(`/spec/containers/${index}/resources`, resources)]
  if (pod.metadata === undefined) return [add('/metadata', { annotations }), ...ofResources]
  if (pod.metadata.annotations === undefined)
    return [add('/metadata/annotations', annotations), ...ofResources]
  const ofAnnotations = Object.entries(annotations).map(([name, value]) =>
    add(`/metadata/annotations/${pointerPart(name)}`, value),
  )
  return [...ofAnnotations, ...ofResources]
}

const pointerPart = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')
