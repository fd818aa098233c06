import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startProfiler } from '../../services/profiler/service.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLifecycle, type Lifecycle } from '../../shared/runtime/lifecycle.ts'
import { createWorker } from '../../workers/typescript/worker.ts'
import { type Authority, certificateAuthority } from '../support/certificates.ts'
import { countOf, eventually, unary } from '../support/profiler-service.ts'
import { memoryLog, secureClient } from '../support/secure-services.ts'
import { configOf } from '../support/stores.ts'

const { log, text } = memoryLog()
let folder: string
let authority: Authority
let lifecycle: Lifecycle

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foresize-rotation-'))
  authority = await certificateAuthority(folder, 'ours')
  lifecycle = createLifecycle(log)
})

afterEach(async () => {
  await lifecycle.stop('test')
  await rm(folder, { recursive: true })
})

/** Connections live for about a second, so that calls move to the new certificates while they go on. */
async function mutualTlsProfiler(): Promise<string> {
  const server = await authority.issue('server')
  const config = configOf({
    store: 'memory',
    tlsCertFile: server.certFile,
    tlsKeyFile: server.keyFile,
    tlsClientCaFile: authority.caFile,
    securityReloadMs: 100,
    maxConnectionAgeMs: 1000,
    maxConnectionAgeGraceMs: 500,
    drainMs: 2000,
    // Every execution is reported one by one, so that they can be counted.
    maxReportedPerSecond: 1e6,
  })
  return (await startProfiler(config, systemClock, log, lifecycle)).address
}

/** Of the certificate that a new connection is shown. */
function serialShown(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const port = Number(address.slice(address.lastIndexOf(':') + 1))
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

test('certificates are renewed under load: no call fails, no execution is lost', async () => {
  const address = await mutualTlsProfiler()
  const worker = await authority.issue('worker')
  const tls = { caFile: authority.caFile, ...worker }
  const client = secureClient({ target: address, tls })
  const reporter = createWorker({ target: address, tls, batchIntervalMs: 10 })
  let isOver = false
  let calls = 0
  const failures: unknown[] = []
  let reported = 0
  const load = Array.from({ length: 4 }, async () => {
    const listing = { namespace: '', taskPrefix: '', pageSize: 1, pageToken: '', kind: 0 as const }
    while (!isOver) {
      await unary(client, 'listProfiles', listing).catch((error: unknown) => failures.push(error))
      reporter.startExecution({ task: 'task' }).end('succeeded', { memoryBytes: 1e9, durationMs: 1000 })
      reported++
      calls++
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })

  const seen = new Set([await serialShown(address)])
  for (let renewal = 1; renewal <= 3; renewal++) {
    await authority.issue('server')
    await authority.issue('worker')
    await eventually(async () => seen.size < seen.add(await serialShown(address)).size)
    const before = calls
    const disconnects = reporter.statistics().disconnects
    // The worker's stream outlived its connection's age: it has come back with the new certificate.
    await eventually(async () => calls > before + 100 && reporter.statistics().disconnects > disconnects)
  }
  isOver = true
  await Promise.all(load)

  expect(failures).toEqual([])
  expect(await reporter.close(10_000)).toBe(true)
  expect(await countOf(client)).toBe(reported)
  client.close()
})

test('a pair caught half written changes nothing; the whole one does', async () => {
  const address = await mutualTlsProfiler()
  const before = await serialShown(address)
  const next = await authority.issue('next')
  await rename(next.certFile, join(folder, 'server.crt'))
  await eventually(async () => text().includes('new certificates cannot be used'))
  const halfway = await serialShown(address)
  await rename(next.keyFile, join(folder, 'server.key'))
  await eventually(async () => (await serialShown(address)) !== before)
  expect(halfway).toBe(before)
  await writeFile(join(folder, 'server.crt'), 'not a certificate')
  const after = await serialShown(address)
  await eventually(async () => text().includes('server.crt: '))
  expect(await serialShown(address)).toBe(after)
})
