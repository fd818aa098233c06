import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  judgeAgent,
  judgeAnswer,
  judgeCertificate,
  judgeIssued,
  judgeNamespaces,
  judgePods,
  judgePolicy,
  judgeRights,
  type WebhookConfiguration,
} from '../../../cli/doctor/kubernetes-findings.ts'
import { certificateAuthority } from '../../support/certificates.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const day = 86_400_000
const now = Date.now()
let folder: string
/** Base64 of PEM, as a webhook's configuration has it; lasts a day. */
let caBundle: string

beforeAll(async () => {
  folder = await temporaryDirectory()
  const { caFile } = await certificateAuthority(join(folder, 'ca'), 'ca')
  caBundle = (await readFile(caFile)).toString('base64')
})

afterAll(() => rm(folder, { recursive: true }))

const configured = (webhook: object): WebhookConfiguration => ({
  webhooks: [{ name: 'pods', failurePolicy: 'Ignore', timeoutSeconds: 1, clientConfig: {}, ...webhook }],
})

describe('the configuration of the webhook', () => {
  test.each([
    ['ok', {}],
    ['fail', { failurePolicy: 'Fail' }],
    ['fail', { failurePolicy: undefined }],
    ['warn', { timeoutSeconds: 10 }],
    ['warn', { timeoutSeconds: undefined }],
  ])('is %s with %j: what does not answer is to stand in no way', (verdict, webhook) => {
    expect(judgePolicy(configured(webhook)).verdict).toBe(verdict)
  })

  test('has a CA that the API server can read, and that lasts', () => {
    const judged = (bundle: string | undefined, atMs: number) =>
      judgeCertificate(configured({ clientConfig: { caBundle: bundle } }), atMs)
    expect(judged(caBundle, now)).toMatchObject({
      verdict: 'warn',
      found: 'the CA in caBundle ends in 0 days',
    })
    expect(judged(caBundle, now - 60 * day).verdict).toBe('ok')
    expect(judged(caBundle, now + 2 * day)).toMatchObject({
      verdict: 'fail',
      found: 'the CA in caBundle has expired',
    })
    for (const none of [
      undefined,
      '',
      'bm9uZQ==',
      Buffer.from('-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----').toString('base64'),
    ]) {
      expect(judged(none, now), none).toMatchObject({
        verdict: 'fail',
        found: 'pods: no CA that can be read in caBundle',
      })
    }
  })
})

test.each([
  ['fail', undefined, undefined],
  ['fail', { type: 'Ready', status: 'False', message: 'no issuer' }, undefined],
  ['ok', { type: 'Ready', status: 'True' }, 60],
  ['warn', { type: 'Ready', status: 'True' }, 3],
  ['fail', { type: 'Ready', status: 'True' }, -1],
])('a Certificate of cert-manager is %s where it says %j and ends in %s days', (verdict, ready, days) => {
  const notAfter = days === undefined ? {} : { notAfter: new Date(now + days * day + 1000).toISOString() }
  const status = { conditions: ready === undefined ? [] : [ready], ...notAfter }
  expect(judgeIssued('foresize', { status }, now).verdict).toBe(verdict)
})

test.each([
  ['ok', 2, 2],
  ['warn', 1, 2],
  ['fail', 0, 2],
])('the webhook is %s with %d of %d Pods', (verdict, availableReplicas, replicas) => {
  expect(judgePods('foresize', { spec: { replicas }, status: { availableReplicas } }).verdict).toBe(verdict)
})

test('a configuration whose webhook runs nowhere is left over', () => {
  expect(judgePods('foresize', undefined)).toMatchObject({ verdict: 'fail' })
})

test('namespaces are counted by their mode, and what they misspell is named', () => {
  const named = (name: string, mode: string) => ({ name, labels: { 'foresize.dev/mode': mode } })
  expect(judgeNamespaces([])).toMatchObject({ verdict: 'warn', found: 'none has opted in' })
  expect(judgeNamespaces([named('a', 'apply'), named('b', 'apply'), named('c', 'off')])).toMatchObject({
    verdict: 'ok',
    found: '2 in mode apply, 1 in mode off',
  })
  expect(judgeNamespaces([named('a', 'on')]).found).toContain('a: foresize.dev/mode must be one of')
})

test.each([
  ['ok', 'shadow'],
  ['warn', 'unavailable'],
  ['fail', undefined],
])('a dry run is %s with the decision %s', (verdict, decision) => {
  expect(judgeAnswer('tasks', decision, 'no answer within 300 ms').verdict).toBe(verdict)
})

test.each([
  ['ok', 3, 3],
  ['warn', 3, 2],
  ['fail', 3, 0],
])('the agent is %s where of %d nodes it is ready on %d', (verdict, desiredNumberScheduled, numberReady) => {
  const status = { desiredNumberScheduled, numberReady }
  expect(judgeAgent({ metadata: { namespace: 'n' }, spec: { template: { spec: {} } }, status }).verdict).toBe(
    verdict,
  )
})

test('what the agent may not do is named', () => {
  const of = (allowed: boolean) => [{ resource: 'pods', verb: 'watch', allowed }]
  expect(judgeRights(of(true)).verdict).toBe('ok')
  expect(judgeRights(of(false))).toMatchObject({ verdict: 'fail', found: 'may not watch pods' })
})
