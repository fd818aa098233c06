import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finding } from '../../cli/doctor/findings.ts'
import { freePort } from '../../cli/pair.ts'
import { type Authority, certificateAuthority } from '../support/certificates.ts'
import { projectRoot } from '../support/manifests.ts'
import { eventually } from '../support/profiler-service.ts'
import { type TokenEntry, writeTokens } from '../support/secure-services.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

const run = promisify(execFile)
const operator: TokenEntry = { token: 'o', name: 'ops', roles: ['operator'], namespaces: ['*'] }
const worker: TokenEntry = { token: 'w', name: 'ci', roles: ['worker'], namespaces: ['*'] }
const follower: TokenEntry = { token: 'e', name: 'estimator', roles: ['estimator'], namespaces: ['*'] }

let folder: string
let ours: Authority
let foreign: Authority
let addresses: readonly string[]
const processes: ServiceProcess[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foresize-doctor-'))
  ours = await certificateAuthority(join(folder, 'ours'), 'ours')
  foreign = await certificateAuthority(join(folder, 'foreign'), 'foreign')
  const { certFile, keyFile } = await ours.issue('server')
  const tokensFile = join(folder, 'tokens.json')
  await writeTokens(tokensFile, [operator, worker, follower])
  for (const { token } of [operator, worker, follower]) await writeFile(join(folder, token), token)
  const [profiler, estimator, ...health] = await Promise.all(
    Array.from({ length: 4 }, async () => `127.0.0.1:${await freePort()}`),
  )
  addresses = ['--profiler', `${profiler}`, '--estimator', `${estimator}`]
  const secured = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tokens-file', tokensFile]
  const common = [...secured, '--metrics-listen', '']
  processes.push(
    await startServiceProcess('profiler', `${health[0]}`, [
      ...common,
      '--listen',
      `${profiler}`,
      '--store',
      'memory',
    ]),
    await startServiceProcess('estimator', `${health[1]}`, [
      ...[...common, '--listen', `${estimator}`, '--profiler', `${profiler}`],
      ...['--profiler-ca-file', ours.caFile, '--profiler-token-file', join(folder, follower.token)],
    ]),
  )
})

afterAll(async () => {
  for (const each of processes) await each.stop()
  await rm(folder, { recursive: true })
})

async function doctor(
  ...flags: readonly string[]
): Promise<{ readonly code: number; readonly text: string }> {
  try {
    const { stdout } = await run(join(projectRoot, 'cli', 'foresize'), ['doctor', ...flags])
    return { code: 0, text: stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as {
      readonly code: number
      readonly stdout: string
      readonly stderr: string
    }
    if (stdout === '') throw new Error(stderr)
    return { code, text: stdout }
  }
}

async function findings(...flags: readonly string[]): Promise<Readonly<Record<string, Finding>>> {
  const { text } = await doctor(...flags, '--json')
  const list = JSON.parse(text) as readonly Finding[]
  return Object.fromEntries(list.map((each) => [`${each.service} ${each.check}`, each]))
}

const tokenOf = ({ token }: TokenEntry) => ['--token-file', join(folder, token)]

test('a healthy deployment passes; what could be better is said', async () => {
  const flags = [...addresses, '--ca', ours.caFile, ...tokenOf(operator)]
  await eventually(async () => (await findings(...flags))['estimator feed']?.verdict === 'ok')
  const found = await findings(...flags)
  expect(Object.keys(found)).toEqual([
    ...['reachable', 'tls', 'access', 'clock', 'version', 'store'].map((check) => `profiler ${check}`),
    ...['reachable', 'tls', 'access', 'clock', 'version', 'feed'].map((check) => `estimator ${check}`),
  ])
  for (const [name, { verdict }] of Object.entries(found)) {
    // The test's certificate ends tomorrow, and its store is in memory.
    expect([name, verdict]).toEqual([name, /tls|store/.test(name) ? 'warn' : 'ok'])
  }
  expect((await doctor(...flags)).code).toBe(0)
})

test.each<readonly [string, () => readonly string[], string, RegExp]>([
  ['a wrong CA', () => ['--ca', foreign.caFile, ...tokenOf(operator)], 'profiler tls', /--ca/],
  ['plain text', () => tokenOf(operator), 'profiler access', /log/],
  ['no token', () => ['--ca', ours.caFile], 'profiler access', /--token-file/],
])('with %s it fails and says what to do', async (_, flagsOf, check, advice) => {
  const flags = [...addresses, ...flagsOf()]
  expect((await findings(...flags))[check]).toMatchObject({
    verdict: 'fail',
    advice: expect.stringMatching(advice),
  })
  const { code, text } = await doctor(...flags)
  expect(code).toBe(1)
  expect(text).toContain('What to do')
})

test('with a token of another role it says which is needed', async () => {
  const found = await findings(...addresses, '--ca', ours.caFile, ...tokenOf(worker))
  expect(found['profiler access']).toMatchObject({
    verdict: 'warn',
    found: 'ci needs the role operator or estimator',
  })
})

test('with nothing there it says so', async () => {
  const nowhere = `127.0.0.1:${await freePort()}`
  const found = await findings('--profiler', nowhere, '--estimator', nowhere)
  expect(found['profiler reachable']).toMatchObject({
    verdict: 'fail',
    found: expect.stringContaining('ECONNREFUSED'),
  })
  expect(Object.keys(found)).toHaveLength(2)
})
