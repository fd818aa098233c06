import { strict as assert } from 'node:assert'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, startService } from '../../cli/pair.ts'
import { compile, countOf, eventually, type Pair } from '../e2e/support.ts'
import { certificateAuthority } from '../support/certificates.ts'
import { gatewayFixture } from '../support/gateway-fixture.ts'
import { unary } from '../support/profiler-service.ts'
import { secureClient, type TokenEntry, writeTokens } from '../support/secure-services.ts'
import { servicePair } from '../support/service-pair.ts'
import { built, launch, requestedBytes, startPipeline } from './nextflow-pipeline.ts'
import { type Attempt, type Scheduler, withForesizeAway } from './scheduler.ts'

/** A pipeline of the real Nextflow, on its local executor, sized by the plugin of integrations/nextflow. */
export const nextflow: Scheduler = {
  name: 'nextflow',
  async notRun() {
    if (process.getuid?.() !== 0 || !existsSync('/sys/fs/cgroup/memory/tasks'))
      return 'its tasks need root and the memory controller of cgroup v1, to be held to what they are given'
    return built()
  },
  async run(pair) {
    const work = mkdtempSync(join(tmpdir(), 'foresize-nextflow-'))
    const gateway = await startService({
      service: 'gateway',
      listen: `127.0.0.1:${await freePort()}`,
      flags: ['--profiler', pair.profilerAddress, '--estimator', pair.estimatorAddress, '--metrics-listen='],
      onLog: () => {},
    })
    try {
      const foresize = { FORESIZE_GATEWAY: `http://${gateway.address}` }
      const version = /version (\S+)/.exec(await launch(work, foresize, ['-version']))?.[1] ?? ''
      const burn = compile('burn', work)
      const tried = await attempts(pair, work, { burn, foresize })
      await carriesToken(work, burn)
      return { version, attempts: tried }
    } finally {
      await gateway.stop()
      rmSync(work, { recursive: true, force: true })
    }
  },
}

const perPhase = 12
const task = 'hold'

interface Setting {
  readonly burn: string
  readonly foresize: NodeJS.ProcessEnv
}

async function attempts(pair: Pair, work: string, setting: Setting): Promise<readonly Attempt[]> {
  const start = (name: string, inputs: readonly string[]) => startPipeline(work, name, { ...setting, inputs })
  const recorded = async () => countOf(await pair.profile(task, () => true))

  const first = await start('first', inputs(perPhase, 0)).done
  assert(
    first.every(({ givenBytes }) => givenBytes === requestedBytes),
    'what is not known gets what it requests',
  )
  await eventually(async () => ((await recorded()) === first.length ? true : undefined))

  // One needs twice what its input tells; and in the middle, foresize is away for a while.
  const running = start('second', [...inputs(perPhase, 3), `outlier-${40e6}`])
  while (running.ended().length === 0) await Promise.race([sleep(50), running.done])
  await withForesizeAway(pair, () => sleep(3000))
  const second = await running.done
  const all = first.length + second.length
  assert.equal(await recorded(), all, 'what ended while foresize was away is on record')

  const away = await withForesizeAway(pair, () => start('third', inputs(3, 5)).done)
  return [
    ...first.map((row) => ({ ...row, phase: 'learned' as const })),
    ...second.map((row) => ({ ...row, phase: 'sized' as const })),
    ...away.map((row) => ({ ...row, phase: 'away' as const })),
  ]
}

/** Named by their sizes, from 10 to 60 MB. */
const inputs = (count: number, offset: number) =>
  Array.from({ length: count }, (_, i) => `input${i}-${10e6 + (((i * 5 + offset) % count) / count) * 50e6}`)

const pipelines: TokenEntry = {
  token: 'of-pipelines',
  name: 'pipelines',
  roles: ['worker', 'scheduler'],
  namespaces: ['default'],
}
const estimators: TokenEntry = { token: 'e', name: 'estimators', roles: ['estimator'], namespaces: ['*'] }
const operators: TokenEntry = { token: 'o', name: 'operators', roles: ['operator'], namespaces: ['*'] }

/** Before services that ask for tokens, by a gateway with a certificate: one execution comes to be on record. */
async function carriesToken(work: string, burn: string): Promise<void> {
  const tokensFile = join(work, 'tokens')
  const tokenFile = join(work, 'token')
  const estimatorFile = join(work, 'estimator')
  await writeTokens(tokensFile, [pipelines, estimators, operators])
  writeFileSync(tokenFile, `${pipelines.token}\n`)
  writeFileSync(estimatorFile, estimators.token)
  const pair = await servicePair({
    profiler: [`--tokens-file=${tokensFile}`],
    estimator: [`--tokens-file=${tokensFile}`, `--profiler-token-file=${estimatorFile}`],
  })
  const authority = await certificateAuthority(work, 'ours')
  const { certFile: tlsCertFile, keyFile: tlsKeyFile } = await authority.issue('gateway')
  const gateway = await gatewayFixture({
    profiler: pair.profiler.address,
    estimator: pair.estimator.address,
    tlsCertFile,
    tlsKeyFile,
  })
  const client = secureClient({ target: pair.profiler.address, token: operators.token })
  try {
    const foresize = {
      FORESIZE_GATEWAY: gateway.origin,
      FORESIZE_CA_FILE: authority.caFile,
      FORESIZE_TOKEN_FILE: tokenFile,
    }
    await startPipeline(work, 'guarded', { inputs: [`input-${10e6}`], burn, foresize }).done
    const key = { namespace: 'default', kind: 1, task } as const
    const { profile } = await unary(client, 'getProfile', { key })
    assert.equal(profile && countOf(profile), 1, 'with its token, over TLS, an execution is reported')
  } finally {
    client.close()
    await gateway.stop()
    await pair.stop()
  }
}
