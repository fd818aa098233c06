import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../cli/pair.ts'
import { type Manifest, projectRoot, renderWith } from '../support/manifests.ts'
import type { Cluster } from './cluster.ts'

/** What of the manifests the webhook is known to the cluster by; its Pods are processes of the test. */
const kinds = [
  'Namespace',
  'ServiceAccount',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'Secret',
  'MutatingWebhookConfiguration',
]

export interface AdmissionFixture {
  /** The webhook as a process, with the token of its service account and no other; resolves once it is ready. */
  start(flags?: readonly string[]): Promise<AdmissionProcess>
  /** The webhook's port, which one process at a time has. */
  readonly port: number
  close(): Promise<void>
}

export interface AdmissionProcess {
  readonly pid: number
  readonly metricsUrl: string
  stop(): Promise<void>
}

/** The webhook as its manifests make it known, with its own certificates; called by URL, since nothing runs its Service. */
export async function admissionFixture(cluster: Cluster, estimator: string): Promise<AdmissionFixture> {
  const port = await freePort()
  const manifests = await renderWith('single-node', 'admission', 'admission-self-signed')
  for (const manifest of manifests.filter(({ kind }) => kinds.includes(kind))) {
    await cluster.admin.apply(
      manifest.kind === 'MutatingWebhookConfiguration' ? byUrl(manifest, port) : manifest,
    )
  }
  const account = await cluster.as('foresize', 'foresize-admission')
  const folder = await mkdtemp(join(tmpdir(), 'foresize-admission-'))

  async function start(flags: readonly string[] = []): Promise<AdmissionProcess> {
    const metrics = `127.0.0.1:${await freePort()}`
    const settings = {
      listen: `127.0.0.1:${port}`,
      'metrics-listen': metrics,
      estimator,
      'api-server': cluster.server,
      'api-ca-file': cluster.caFile,
      'api-token-file': account.tokenFile,
      'tls-cert-file': join(folder, 'tls.crt'),
      'tls-key-file': join(folder, 'tls.key'),
      'security-reload-ms': '100',
      'self-signed-store': 'foresize/foresize-admission-self-signed',
      'self-signed-names': 'foresize-admission.foresize.svc,localhost',
    }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    const entry = join(projectRoot, 'services/kubernetes/admission/main.ts')
    const child = spawn(process.execPath, [entry, ...args, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-8000)
    })
    const giveUp = AbortSignal.timeout(60_000)
    for (;;) {
      const answer = await fetch(`http://${metrics}/healthz`).catch(() => undefined)
      if (answer?.status === 200) break
      if (giveUp.aborted || child.exitCode !== null)
        throw new Error(`the webhook is not ready; it says:\n${said}`)
      await sleep(50)
    }
    return {
      pid: child.pid ?? 0,
      metricsUrl: `http://${metrics}/metrics`,
      async stop() {
        if (child.exitCode !== null) return
        child.kill('SIGTERM')
        await once(child, 'exit')
      },
    }
  }

  return { start, port, close: () => rm(folder, { recursive: true }) }
}

function byUrl(manifest: Manifest, port: number): Manifest {
  const { webhooks } = manifest as unknown as { readonly webhooks: readonly object[] }
  const clientConfig = { url: `https://localhost:${port}/mutate` }
  return { ...manifest, webhooks: webhooks.map((webhook) => ({ ...webhook, clientConfig })) }
}
