import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClientTls } from '../../shared/rpc/certificates.ts'
import { type Authority, certificateAuthority, expired, type Identity } from '../support/certificates.ts'
import { type TestProfiler, testProfiler, unary } from '../support/profiler-service.ts'
import { outcomeOf, secureClient } from '../support/secure-services.ts'

let folder: string
let ours: Authority
let foreign: Authority
let worker: Identity
const running: TestProfiler[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foresize-tls-'))
  ours = await certificateAuthority(join(folder, 'ours'), 'ours')
  foreign = await certificateAuthority(join(folder, 'foreign'), 'foreign')
  worker = await ours.issue('worker')
})

afterAll(async () => {
  for (const profiler of running) await profiler.stop()
  await rm(folder, { recursive: true })
})

async function profilerWith(server: Identity, clientCa?: Authority): Promise<string> {
  const profiler = await testProfiler({
    store: 'memory',
    tlsCertFile: server.certFile,
    tlsKeyFile: server.keyFile,
    tlsClientCaFile: clientCa?.caFile,
  })
  running.push(profiler)
  return profiler.address
}

async function listingWith(target: string, tls: ClientTls | undefined): Promise<status> {
  const client = secureClient({ target, ...(tls === undefined ? {} : { tls }) })
  try {
    const request = { namespace: '', taskPrefix: '', pageSize: 0, pageToken: '', kind: 0 as const }
    return await outcomeOf(unary(client, 'listProfiles', request))
  } finally {
    client.close()
  }
}

describe('TLS', () => {
  let target: string
  beforeAll(async () => {
    target = await profilerWith(await ours.issue('tls-server'))
  })

  test('a client that trusts the CA is served', async () => {
    expect(await listingWith(target, { caFile: ours.caFile })).toBe(status.OK)
  })

  test('a client that trusts another CA does not talk to the server', async () => {
    expect(await listingWith(target, { caFile: foreign.caFile })).toBe(status.UNAVAILABLE)
  })

  test('a client in plain text is not served', async () => {
    expect(await listingWith(target, undefined)).toBe(status.UNAVAILABLE)
  })

  test('a server whose certificate has expired is not talked to', async () => {
    const late = await profilerWith(await ours.issue('late-server', expired))
    expect(await listingWith(late, { caFile: ours.caFile })).toBe(status.UNAVAILABLE)
  })
})

describe('mutual TLS', () => {
  let target: string
  beforeAll(async () => {
    target = await profilerWith(await ours.issue('mtls-server'), ours)
  })

  test('a client with a certificate of the CA is served', async () => {
    expect(await listingWith(target, { caFile: ours.caFile, ...worker })).toBe(status.OK)
  })

  test.each<readonly [string, () => Promise<Identity | undefined>]>([
    ['no certificate', async () => undefined],
    ['a certificate of another CA', () => foreign.issue('stranger')],
    ['a certificate that has expired', () => ours.issue('retired', expired)],
  ])('a client with %s is refused', async (_, identityOf) => {
    const identity = await identityOf()
    expect(await listingWith(target, { caFile: ours.caFile, ...identity })).toBe(status.UNAVAILABLE)
  })
})

test('a key that is not the certificate’s, or half a pair, stops the start with its file named', async () => {
  const a = await ours.issue('a')
  const b = await ours.issue('b')
  const start = (flags: object) => testProfiler({ store: 'memory', ...flags })
  await expect(start({ tlsCertFile: a.certFile, tlsKeyFile: b.keyFile })).rejects.toThrow(/b\.key: .*a\.crt/)
  await expect(start({ tlsCertFile: a.certFile })).rejects.toThrow(/--tls-cert-file and --tls-key-file/)
  await expect(start({ tlsCertFile: a.certFile, tlsKeyFile: join(folder, 'none') })).rejects.toThrow(
    /none: ENOENT/,
  )
})
