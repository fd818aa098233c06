import { z } from 'zod'
import type { Job } from '../domain/job.ts'
import type { PatchOperation } from '../domain/json-patch.ts'
import type { Pod } from '../domain/pod.ts'

/** Of a request of admission.k8s.io/v1, what is read here. Objects were validated by nobody yet: mind what is absent. */
const reviewSchema = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.object({
    uid: z.string(),
    kind: z.object({ group: z.string(), version: z.string(), kind: z.string() }),
    namespace: z.string().default(''),
    operation: z.string(),
    dryRun: z.boolean().default(false),
    object: z.record(z.string(), z.unknown()),
  }),
})

export interface AdmissionRequest {
  readonly uid: string
  readonly namespace: string
  /** Nothing will come of it. */
  readonly isDryRun: boolean
  readonly subject:
    | { readonly kind: 'Pod'; readonly pod: Pod }
    | { readonly kind: 'Job'; readonly job: Job }
    | { readonly kind: 'other' }
}

export interface AdmissionAnswer {
  readonly patch: readonly PatchOperation[]
  /** Shown to whoever made the object, by kubectl for one. */
  readonly warnings: readonly string[]
}

/** Throws: SyntaxError or ZodError for what is no review. */
export function readReview(text: string): AdmissionRequest {
  const { request } = reviewSchema.parse(JSON.parse(text))
  const { group, kind } = request.kind
  const isCreated = request.operation === 'CREATE'
  const subject =
    isCreated && group === '' && kind === 'Pod'
      ? { kind: 'Pod' as const, pod: request.object as Pod }
      : isCreated && group === 'batch' && kind === 'Job'
        ? { kind: 'Job' as const, job: request.object as Job }
        : { kind: 'other' as const }
  return { uid: request.uid, namespace: request.namespace, isDryRun: request.dryRun, subject }
}

/** Allowed, always: foresize gives, and refuses nothing. */
export function reviewOf(uid: string, { patch, warnings }: AdmissionAnswer): object {
  const patched =
    patch.length === 0
      ? {}
      : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, allowed: true, ...patched, ...(warnings.length === 0 ? {} : { warnings }) },
  }
}
