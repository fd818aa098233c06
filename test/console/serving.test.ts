import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtConsole } from '../../services/gateway/console-files.ts'
import { certificateAuthority } from '../support/certificates.ts'
import { gatewayFixture } from '../support/gateway-fixture.ts'

/** The console as static files: what the gateway sends, whom it sends it to, and how much there is. Built by `make console`. */

const nowhere = { profiler: '127.0.0.1:1', estimator: '127.0.0.1:1' }

let folder: string
let gateway: Awaited<ReturnType<typeof gatewayFixture>>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foresize-console-'))
  gateway = await gatewayFixture(nowhere)
})
afterAll(async () => {
  await gateway.stop()
  await rm(folder, { recursive: true })
})

const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${gateway.origin}${path}`, { headers, redirect: 'manual' })

const assets = () => readdirSync(join(builtConsole, 'assets'))

describe('the page', () => {
  test('is sent for every address of a page, and nothing in it runs or is styled but files of this origin', async () => {
    for (const path of ['/console/', '/console/tasks', '/console/task?task=%3Cimg%3E']) {
      const answer = await get(path)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
      const policy = answer.headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self'")
      expect(policy).not.toContain('unsafe')
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(await answer.text()).not.toMatch(/<style|style=|<script>|\son\w+=|https?:/)
    }
  })

  test('is kept by its content, so that a new build is seen and an old one is not sent again', async () => {
    const { headers } = await get('/console/')
    expect(headers.get('cache-control')).toBe('no-cache')
    const etag = headers.get('etag') ?? ''
    expect((await get('/console/', { 'if-none-match': etag })).status).toBe(304)
    expect((await get('/console/', { 'if-none-match': '"another"' })).status).toBe(200)
  })

  test('is where the gateway’s own address leads', async () => {
    for (const path of ['/', '/console']) {
      const answer = await get(path)
      expect(answer.status).toBe(302)
      expect(answer.headers.get('location')).toBe('/console/')
    }
  })
})

describe('its files', () => {
  test('are kept for ever, whole and compressed', async () => {
    for (const name of assets()) {
      const answer = await get(`/console/assets/${name}`, { 'accept-encoding': 'gzip' })
      expect(answer.headers.get('content-encoding')).toBe('gzip')
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
      const sent = Buffer.from(await answer.arrayBuffer())
      expect(digest(sent)).toBe(digest(readFileSync(join(builtConsole, 'assets', name))))
    }
  })

  test('are at most 350 KB compressed, all of them, and name no other origin to be asked', () => {
    const bytes = ['index.html', ...assets().map((name) => `assets/${name}`)]
      .map((place) => gzipSync(readFileSync(join(builtConsole, place)), { level: 9 }).byteLength)
      .reduce((sum, each) => sum + each, 0)
    expect(bytes).toBeLessThan(350_000)
    for (const name of assets().filter((each) => each.endsWith('.css'))) {
      expect(readFileSync(join(builtConsole, 'assets', name), 'utf8')).not.toMatch(/url\(|@import/)
    }
  })

  test.each([
    '/console/assets/none.js',
    '/console/../package.json',
    '/console/%2e%2e/package.json',
    '/console/assets/..%2f..%2findex.html',
  ])('%s is none of them', async (path) => {
    expect((await get(path)).status).toBe(404)
  })
})

test('it is read alone', async () => {
  const answer = await fetch(`${gateway.origin}/console/`, { method: 'POST' })
  expect(answer.status).toBe(405)
})

test('whoever asks too often is turned away, as with calls', async () => {
  const strict = await gatewayFixture({ ...nowhere, maxCallsPerSecondPerPeer: 1 })
  const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${strict.origin}/console/`)))
  expect(answers.map(({ status }) => status)).toContain(429)
  await strict.stop()
})

test('beyond this host it is served over TLS alone, even where plain text is allowed for the rest', async () => {
  const plain = await gatewayFixture({ ...nowhere, listen: '0.0.0.0:0', insecureBind: true })
  const port = plain.address.replace(/^.*:/, '')
  const refused = await fetch(`http://127.0.0.1:${port}/console/`)
  expect(refused.status).toBe(403)
  expect(await refused.text()).toContain('over TLS alone')
  await plain.stop()

  const ours = await certificateAuthority(join(folder, 'ours'), 'ours')
  const server = await ours.issue('server')
  const secure = await gatewayFixture({
    ...nowhere,
    listen: '0.0.0.0:0',
    insecureBind: true,
    tlsCertFile: server.certFile,
    tlsKeyFile: server.keyFile,
  })
  const agent = new Agent({ ca: readFileSync(ours.caFile) })
  const status = await new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: secure.address.replace(/^.*:/, ''), path: '/console/', agent }
    request({ ...options, servername: 'localhost' }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .on('error', reject)
      .end()
  })
  expect(status).toBe(200)
  agent.destroy()
  await secure.stop()
})

test('it can be left out', async () => {
  const without = await gatewayFixture({ ...nowhere, console: false })
  expect((await fetch(`${without.origin}/console/`)).status).toBe(404)
  await without.stop()
})
