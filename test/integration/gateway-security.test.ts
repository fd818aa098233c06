import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GatewayConfig } from '../../services/gateway/config.ts'
import { type Authority, certificateAuthority, type Identity } from '../support/certificates.ts'
import { estimatorFixture } from '../support/estimator-fixture.ts'
import { type GatewayFixture, gatewayFixture } from '../support/gateway-fixture.ts'
import { eventually, type TestProfiler, testProfiler } from '../support/profiler-service.ts'
import { memoryLog, type TokenEntry, writeTokens } from '../support/secure-services.ts'

/** A pair that asks for tokens and certificates, and gateways before it. */

const scheduler: TokenEntry = { token: 's', name: 'scheduler', roles: ['scheduler'], namespaces: ['a'] }
const worker: TokenEntry = { token: 'w', name: 'worker', roles: ['worker'], namespaces: ['a'] }
const follower: TokenEntry = { token: 'e', name: 'estimator', roles: ['estimator'], namespaces: ['*'] }

let folder: string
let ours: Authority
let client: Identity
let profiler: TestProfiler
let estimator: Awaited<ReturnType<typeof estimatorFixture>>
const stops: (() => Promise<void>)[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foresize-gateway-'))
  ours = await certificateAuthority(join(folder, 'ours'), 'ours')
  client = await ours.issue('client')
  const server = await ours.issue('server')
  const tls = { tlsCertFile: server.certFile, tlsKeyFile: server.keyFile, tlsClientCaFile: ours.caFile }
  const tokensFile = join(folder, 'tokens.json')
  await writeTokens(tokensFile, [scheduler, worker, follower])
  await writeFile(join(folder, 'follower'), follower.token)
  profiler = await testProfiler({ store: 'memory', tokensFile, ...tls })
  estimator = await estimatorFixture({
    profiler: profiler.address,
    profilerCaFile: ours.caFile,
    profilerCertFile: client.certFile,
    profilerKeyFile: client.keyFile,
    profilerTokenFile: join(folder, 'follower'),
    tokensFile,
    ...tls,
  })
})
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop()
  await estimator.close()
  await profiler.stop()
  await rm(folder, { recursive: true })
})

async function gatewayWith(
  settings: Partial<GatewayConfig> = {},
  log = memoryLog().log,
): Promise<GatewayFixture> {
  const gateway = await gatewayFixture(
    {
      profiler: profiler.address,
      estimator: estimator.address,
      upstreamCaFile: ours.caFile,
      upstreamCertFile: client.certFile,
      upstreamKeyFile: client.keyFile,
      ...settings,
    },
    log,
  )
  stops.push(gateway.stop)
  return gateway
}

const bearer = ({ token }: { readonly token: string }) => ({ authorization: `Bearer ${token}` })
const queryIn = (namespace: string) => ({ query: { task: { namespace, task: 'task' } } })
const executionIn = (namespace: string) => ({
  executions: [
    {
      executionId: `one in ${namespace}`,
      task: { namespace, task: 'task' },
      outcome: 'OUTCOME_SUCCEEDED',
      used: { memoryBytes: 1e8, durationMs: 10 },
    },
  ],
})

describe('the token of a caller goes to the service, which decides', () => {
  let gateway: GatewayFixture
  beforeAll(async () => {
    gateway = await gatewayWith()
  })

  test('with the right role, in its namespace, it is let in', async () => {
    expect(await gateway.post('EstimatorService/Estimate', queryIn('a'), bearer(scheduler))).toMatchObject({
      status: 200,
    })
    const reported = await gateway.post('ProfilerService/UpdateProfile', executionIn('a'), bearer(worker))
    expect(reported).toMatchObject({ status: 200, body: { folded: 1 } })
  })

  test.each([
    ['no token', 'a', {}, 401, 'unauthenticated', /bearer token/],
    ['a token that is not known', 'a', bearer({ token: 'x' }), 401, 'unauthenticated', /not known/],
    ['the token of another role', 'a', bearer(worker), 403, 'permission_denied', /worker needs the role/],
    ['another namespace', 'b', bearer(scheduler), 403, 'permission_denied', /namespace "b"/],
  ])('with %s it is refused', async (_, namespace, headers, status, code, message) => {
    const refused = await gateway.post('EstimatorService/Estimate', queryIn(namespace), headers)
    expect(refused).toMatchObject({ status, body: { code } })
    expect(refused.body.message).toMatch(message)
  })

  test('a stream of a role that may not have it ends with the same words', async () => {
    const envelope = Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from('{}')])
    const answer = await fetch(`${gateway.origin}/foresize.v1.ProfilerService/WatchProfiles`, {
      method: 'POST',
      headers: { 'content-type': 'application/connect+json', ...bearer(worker) },
      body: envelope,
    })
    expect(await answer.text()).toContain('worker needs the role operator or estimator')
  })

  test('no line of its log has a token', async () => {
    const { log, text } = memoryLog()
    const logged = await gatewayWith({}, log)
    await logged.post('EstimatorService/Estimate', queryIn('a'), bearer({ token: 'a-secret-of-ours' }))
    await logged.stop()
    expect(text()).toContain('serving')
    expect(text()).not.toContain('a-secret-of-ours')
  })
})

/** The status of `/healthz` over TLS; the error's code where there is no answer. */
function healthOver(gateway: GatewayFixture, ca: string, identity?: Identity): Promise<number | string> {
  return new Promise((resolve) => {
    const files = identity && { cert: readFileSync(identity.certFile), key: readFileSync(identity.keyFile) }
    const { port } = new URL(gateway.origin)
    const options = {
      host: '127.0.0.1',
      port,
      path: '/healthz',
      ca: readFileSync(ca),
      agent: false,
      ...files,
    }
    const going = httpsRequest(options, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    going.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    going.end()
  })
}

describe('TLS', () => {
  test('it proves itself to callers, and renewed certificates are served without a restart', async () => {
    const { certFile: tlsCertFile, keyFile: tlsKeyFile } = await ours.issue('renewed')
    const gateway = await gatewayWith({ tlsCertFile, tlsKeyFile, securityReloadMs: 100 })
    const foreign = await certificateAuthority(join(folder, 'foreign'), 'foreign')
    expect(await healthOver(gateway, ours.caFile)).toBe(200)
    expect(await healthOver(gateway, foreign.caFile)).toMatch(/SIGNATURE|UNABLE|SELF_SIGNED/)

    const other = await foreign.issue('renewed')
    await writeFile(tlsKeyFile, readFileSync(other.keyFile))
    await writeFile(tlsCertFile, readFileSync(other.certFile))
    await eventually(async () => (await healthOver(gateway, foreign.caFile)) === 200)
    expect(await healthOver(gateway, ours.caFile)).not.toBe(200)
  })

  test('it can ask callers for certificates', async () => {
    const server = await ours.issue('mutual')
    const gateway = await gatewayWith({
      tlsCertFile: server.certFile,
      tlsKeyFile: server.keyFile,
      tlsClientCaFile: ours.caFile,
    })
    const foreign = await certificateAuthority(join(folder, 'stranger'), 'stranger')
    expect(await healthOver(gateway, ours.caFile, client)).toBe(200)
    expect(await healthOver(gateway, ours.caFile)).not.toBe(200)
    expect(await healthOver(gateway, ours.caFile, await foreign.issue('stranger'))).not.toBe(200)
  })

  test('without a certificate that the services know, it can pass nothing on', async () => {
    const gateway = await gatewayWith({ upstreamCertFile: undefined, upstreamKeyFile: undefined })
    const refused = await gateway.post('EstimatorService/Estimate', queryIn('a'), bearer(scheduler))
    expect(refused).toMatchObject({ status: 503, body: { message: 'the estimator cannot be reached' } })
  })
})

describe('beyond this host', () => {
  const wide = '0.0.0.0:0'

  test.each<readonly [string, Partial<GatewayConfig>, RegExp]>([
    [
      'listening in plain text',
      { listen: wide },
      /--listen 0\.0\.0\.0:0 reaches beyond this host without TLS/,
    ],
    [
      'services in plain text',
      { estimator: '192.0.2.1:7071', upstreamCaFile: undefined },
      /--estimator 192\.0\.2\.1:7071 is beyond this host and in plain text: set --upstream-ca-file/,
    ],
    ['half a certificate', { tlsCertFile: 'x' }, /--tls-cert-file and --tls-key-file go together/],
  ])('%s stops the start, and the setting is named', async (_, settings, message) => {
    await expect(gatewayWith(settings)).rejects.toThrow(message)
  })

  test('it passes on to services that ask for tokens', async () => {
    const { certFile: tlsCertFile, keyFile: tlsKeyFile } = await ours.issue('wide')
    const gateway = await gatewayWith({ listen: wide, tlsCertFile, tlsKeyFile })
    expect(await healthOver(gateway, ours.caFile)).toBe(200)
  })

  test('it passes nothing on to services that let everyone in, unless told so', async () => {
    const open = await testProfiler({ store: 'memory' })
    stops.push(open.stop)
    const answer = await estimatorFixture({ profiler: open.address })
    stops.push(answer.close)
    const { certFile: tlsCertFile, keyFile: tlsKeyFile } = await ours.issue('open')
    const settings = {
      listen: wide,
      profiler: open.address,
      estimator: answer.address,
      tlsCertFile,
      tlsKeyFile,
    }
    const plain = { upstreamCaFile: undefined, upstreamCertFile: undefined, upstreamKeyFile: undefined }
    const { log, text } = memoryLog()
    expect(await healthOver(await gatewayWith({ ...settings, ...plain }, log), ours.caFile)).toBe(503)
    expect(text()).toContain('it asks for no token')
    const told = await gatewayWith({ ...settings, ...plain, insecureBind: true })
    expect(await healthOver(told, ours.caFile)).toBe(200)
  })
})

describe('browsers', () => {
  const page = 'https://jobs.example.org'
  const preflight = (gateway: GatewayFixture, origin: string) =>
    fetch(`${gateway.origin}/foresize.v1.EstimatorService/Estimate`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,connect-protocol-version',
      },
    })

  test('pages of other origins may not call, unless they are listed', async () => {
    const [closed, listed] = [await gatewayWith(), await gatewayWith({ corsOrigins: [page] })]
    expect((await preflight(closed, page)).headers.get('access-control-allow-origin')).toBeNull()
    expect(
      (await preflight(listed, 'https://evil.example')).headers.get('access-control-allow-origin'),
    ).toBeNull()
    const { headers } = await preflight(listed, page)
    expect(headers.get('access-control-allow-origin')).toBe(page)
    expect(headers.get('access-control-allow-headers')?.toLowerCase()).toMatch(
      /content-type.*connect-protocol-version.*authorization/,
    )
    expect(headers.get('access-control-allow-credentials')).toBeNull()
  })

  test('a name that was made to point at loopback is not answered to', async () => {
    const [gateway, listed] = [await gatewayWith(), await gatewayWith({ allowedHosts: ['jobs.example.org'] })]
    // fetch would set the header itself.
    const named = async ({ origin }: GatewayFixture, host: string) => {
      return new Promise<number | undefined>((resolve, reject) => {
        httpRequest(`${origin}/healthz`, { headers: { host } }, (answer) => {
          answer.resume()
          resolve(answer.statusCode)
        })
          .on('error', reject)
          .end()
      })
    }
    expect(await named(gateway, 'jobs.example.org:7080')).toBe(403)
    expect(await named(gateway, 'localhost:7080')).toBe(200)
    expect(await named(gateway, '[::1]:7080')).toBe(200)
    expect(await named(listed, 'jobs.example.org:7080')).toBe(200)
  })
})
