import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { afterAll, expect, test } from 'vitest'
import type { ProfilerConfig } from '../../services/profiler/config.ts'
import { ConfigError } from '../../shared/runtime/config-error.ts'
import { certificateAuthority } from '../support/certificates.ts'
import { type TestProfiler, testProfiler, unary } from '../support/profiler-service.ts'
import { outcomeOf, secureClient, writeTokens } from '../support/secure-services.ts'

const running: TestProfiler[] = []
const folder = await mkdtemp(join(tmpdir(), 'foresize-limits-'))

afterAll(async () => {
  for (const profiler of running) await profiler.stop()
  await rm(folder, { recursive: true })
})

async function serve(given: Partial<ProfilerConfig>): Promise<TestProfiler> {
  const profiler = await testProfiler({ store: 'memory', ...given })
  running.push(profiler)
  return profiler
}

const listing = { namespace: '', taskPrefix: '', pageSize: 0, pageToken: '', kind: 0 as const }

test('connections over the limit are turned away; one that ends makes room', async () => {
  const { address } = await serve({ maxConnectionsPerPeer: 2 })
  const port = Number(address.slice(address.lastIndexOf(':') + 1))
  const first = connect(port, '127.0.0.1')
  const second = connect(port, '127.0.0.1')
  await Promise.all([once(first, 'connect'), once(second, 'connect')])
  const third = connect(port, '127.0.0.1')
  await once(
    third.on('error', () => {}),
    'close',
  )
  first.destroy()
  const client = secureClient({ target: address })
  while ((await outcomeOf(unary(client, 'listProfiles', listing))) !== status.OK) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  second.destroy()
  client.close()
})

test.each(['in plain text', 'over TLS'])(
  'a connection that never spoke does not hold up the end, %s',
  async (over) => {
    const authority = await certificateAuthority(folder, 'mute')
    const { certFile: tlsCertFile, keyFile: tlsKeyFile } = await authority.issue('mute-server')
    const tls = { caFile: authority.caFile }
    const isTls = over === 'over TLS'
    const profiler = await testProfiler({
      ...{ store: 'memory', drainMs: 60_000 },
      ...(isTls ? { tlsCertFile, tlsKeyFile } : {}),
    })
    const port = Number(profiler.address.slice(profiler.address.lastIndexOf(':') + 1))
    const mute = connect(port, '127.0.0.1')
    mute.on('error', () => {})
    await once(mute, 'connect')
    const client = secureClient({ target: profiler.address, ...(isTls ? { tls } : {}) })
    expect(await outcomeOf(unary(client, 'listProfiles', listing))).toBe(status.OK)
    // The test's own timeout is half of what the drain would wait.
    await profiler.stop()
    client.close()
    mute.destroy()
  },
)

test('calls over the rate are refused with RESOURCE_EXHAUSTED, and the connection lives on', async () => {
  const { client } = await serve({ maxCallsPerSecondPerPeer: 10 })
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, () => outcomeOf(unary(client, 'listProfiles', listing))),
  )
  expect(new Set(outcomes)).toEqual(new Set([status.OK, status.RESOURCE_EXHAUSTED]))
  while ((await outcomeOf(unary(client, 'listProfiles', listing))) !== status.OK) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})

test('listening beyond this host needs TLS and tokens or client certificates, or the flag that says otherwise', async () => {
  const authority = await certificateAuthority(folder, 'ours')
  const { certFile: tlsCertFile, keyFile: tlsKeyFile } = await authority.issue('server')
  const tokensFile = join(folder, 'tokens.json')
  await writeTokens(tokensFile, [{ token: 't', name: 't', roles: ['worker'], namespaces: ['*'] }])
  const wide = '0.0.0.0:0'
  const refused: readonly Partial<ProfilerConfig>[] = [{}, { tokensFile }, { tlsCertFile, tlsKeyFile }]
  for (const flags of refused) {
    await expect(serve({ listen: wide, ...flags })).rejects.toThrow(ConfigError)
  }
  await serve({ listen: wide, tlsCertFile, tlsKeyFile, tokensFile })
  await serve({ listen: wide, tlsCertFile, tlsKeyFile, tlsClientCaFile: authority.caFile })
  await serve({ listen: wide, insecureBind: true })
})
