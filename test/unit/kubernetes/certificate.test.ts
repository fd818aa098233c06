import { X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type IssuedCertificate,
  issueCertificate,
} from '../../../services/kubernetes/admission/issue-certificate.ts'
import { isDue } from '../../../services/kubernetes/admission/self-signed.ts'

const names = ['foresize-admission.foresize.svc', 'localhost']
const nowMs = Date.UTC(2026, 0, 1)
const validityMs = 90 * 86_400_000

let issued: IssuedCertificate

beforeAll(async () => {
  issued = await issueCertificate(names, validityMs, nowMs)
})

test('a certificate is for its names, by a CA that is trusted alone, and from before now', () => {
  const [ca, certificate] = [new X509Certificate(issued.ca), new X509Certificate(issued.certificate)]
  expect(certificate.verify(ca.publicKey)).toBe(true)
  expect(certificate.checkIssued(ca)).toBe(true)
  expect(ca.ca).toBe(true)
  expect(certificate.ca).toBe(false)
  for (const name of names) expect(certificate.checkHost(name)).toBe(name)
  expect(certificate.validFromDate.getTime()).toBeLessThan(nowMs)
  expect(certificate.validToDate.getTime()).toBe(nowMs + validityMs)
})

test('two are of two CAs', async () => {
  const other = await issueCertificate(names, validityMs, nowMs)
  expect(new X509Certificate(other.certificate).checkIssued(new X509Certificate(issued.ca))).toBe(false)
})

describe('it is renewed', () => {
  test.each([
    ['not in the first two thirds of its time', 0.6 * validityMs, names, false],
    ['in the last third', 0.7 * validityMs, names, true],
    ['for a Service of another name', 0, ['foresize-admission.elsewhere.svc'], true],
  ])('%s', (_, afterMs, wanted, due) => {
    expect(isDue(issued.certificate, wanted, validityMs, nowMs + afterMs)).toBe(due)
  })

  test('where it cannot be read', () => {
    expect(isDue('no certificate', names, validityMs, nowMs)).toBe(true)
  })
})
