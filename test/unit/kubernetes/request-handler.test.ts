import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Admitted } from '../../../services/kubernetes/admission/admitter.ts'
import { admissionHandler } from '../../../services/kubernetes/admission/request-handler.ts'
import type { AdmissionRequest } from '../../../services/kubernetes/admission/review.ts'
import { createLog } from '../../../shared/runtime/log.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

const patched: Admitted = {
  result: 'learned',
  patch: [{ op: 'add', path: '/metadata/annotations', value: { a: 'b' } }],
  warnings: ['look'],
}

async function served(
  admit: (request: AdmissionRequest) => Promise<Admitted> = async () => patched,
  limits: { maxReviewBytes?: number; maxReviews?: number } = {},
) {
  const refused: number[] = []
  const server = createServer(
    admissionHandler({
      admit,
      maxReviewBytes: 10_000,
      maxReviews: 10,
      ...limits,
      onReview: () => {},
      onRefused: (status) => refused.push(status),
      log: createLog('test', 'silent'),
    }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const post = (body: string, path = '/mutate?timeout=1s') => fetch(`${url}${path}`, { method: 'POST', body })
  return { url, post, refused }
}

const reviewOf = (kind: object, more: object = {}) =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u1', kind, namespace: 'tasks', operation: 'CREATE', object: {}, ...more },
  })
const pod = { group: '', version: 'v1', kind: 'Pod' }

test('a review is answered under its own uid: allowed, with the patch and the warnings', async () => {
  const { post } = await served()
  const { response } = (await (await post(reviewOf(pod))).json()) as { response: { patch: string } }
  expect(response).toMatchObject({ uid: 'u1', allowed: true, patchType: 'JSONPatch', warnings: ['look'] })
  expect(JSON.parse(Buffer.from(response.patch, 'base64').toString())).toEqual(patched.patch)
})

test('without a change there is no patch', async () => {
  const { post } = await served(async () => ({ result: 'off', patch: [], warnings: [] }))
  expect(await (await post(reviewOf(pod))).json()).toMatchObject({ response: { uid: 'u1', allowed: true } })
})

test.each([
  [pod, {}, 'Pod'],
  [{ group: 'batch', version: 'v1', kind: 'Job' }, {}, 'Job'],
  [pod, { operation: 'UPDATE' }, 'other'],
  [{ group: 'apps', version: 'v1', kind: 'Deployment' }, {}, 'other'],
])('%j %j is taken for %s', async (kind, more, taken) => {
  const seen: string[] = []
  const { post } = await served(async ({ subject }) => {
    seen.push(subject.kind)
    return patched
  })
  await post(reviewOf(kind, more))
  expect(seen).toEqual([taken])
})

test('what is no review is refused, and counted', async () => {
  const { url, post, refused } = await served()
  expect((await post('{')).status).toBe(400)
  expect(await (await post('{"apiVersion":"v1"}')).text()).toContain('no review of admission.k8s.io/v1')
  expect((await post('x'.repeat(20_000))).status).toBe(413)
  expect((await post(reviewOf(pod), '/other')).status).toBe(404)
  expect((await fetch(`${url}/mutate`)).status).toBe(405)
  expect(refused).toEqual([400, 400, 413, 404, 405])
})

test('more reviews at once than it has room for are turned away; the API server goes on without', async () => {
  const waiting: (() => void)[] = []
  const admit = () => new Promise<Admitted>((resolve) => waiting.push(() => resolve(patched)))
  const { post } = await served(admit, { maxReviews: 1 })
  const first = post(reviewOf(pod))
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve))
  expect((await post(reviewOf(pod))).status).toBe(503)
  waiting[0]?.()
  expect((await first).status).toBe(200)
})
