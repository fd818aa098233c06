import type { ObjectMeta, Pod } from './pod.ts'

/** Of a Job, what is read here. */
export interface Job {
  readonly metadata?: ObjectMeta | undefined
  readonly spec?: { readonly suspend?: boolean | undefined; readonly template?: Pod | undefined } | undefined
  readonly status?: { readonly failed?: number | undefined } | undefined
}

/** Where the Pod's own part is in a Job. */
export const templatePath = '/spec/template'

/**
 * The Pods that a Job will make, where it waits for a queue that counts what its template asks for. Undefined for one that
 * starts at once: its Pods are sized when they are made.
 */
export function waitingPodOf({ metadata, spec }: Job): Pod | undefined {
  const isQueued = metadata?.labels?.['kueue.x-k8s.io/queue-name'] !== undefined
  if (spec?.template === undefined || !(spec.suspend === true || isQueued)) return undefined
  const name = metadata?.name ?? metadata?.generateName?.replace(/-$/, '') ?? ''
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name, uid: metadata?.uid ?? '', controller: true }
  return { ...spec.template, metadata: { ...spec.template.metadata, ownerReferences: [owner] } }
}
