import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../cli/pair.ts'
import { type Authority, certificateAuthority } from '../support/certificates.ts'
import { projectRoot } from '../support/manifests.ts'
import { type KubernetesClient, kubernetesClient } from './kubernetes-client.ts'

/** A real API server on a real etcd, with nothing that would run Pods: whoever tests writes what controllers would. */
export interface Cluster {
  /** https://127.0.0.1:port */
  readonly server: string
  readonly caFile: string
  /** Holds the token of a cluster administrator. */
  readonly tokenFile: string
  readonly admin: KubernetesClient
  /** The same server as a service account, by a token that it is given; written to a file too, as a Pod would have it. */
  as(namespace: string, serviceAccount: string): Promise<KubernetesClient & { readonly tokenFile: string }>
  /** What the certificates of the cluster are of. */
  readonly authority: Authority
  /** Signs the tokens of service accounts. */
  readonly serviceAccountKeyFile: string
  /** Starts one more program, which ends with the cluster; what it says is in `log`. */
  start(program: string, flags: readonly string[]): { readonly child: ChildProcess; readonly log: string }
  stop(): Promise<void>
}

export interface ClusterOptions {
  /** Names and addresses that the API server is called by, beside those of this host. */
  readonly hosts?: readonly string[]
  /** Default: a free one. */
  readonly port?: number
  /** More of the API server's, after those here. */
  readonly flags?: readonly string[]
}

/** Where scripts/build-kubernetes.sh puts what it builds. */
export const binaries = join(projectRoot, '.foresize', 'kubernetes')

const adminToken = 'administrator-of-a-test'

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'foresize-kubernetes-'))
  const children: ChildProcess[] = []
  const start = (program: string, flags: readonly string[]) => {
    const log = join(folder, `${basename(program)}.log`)
    const output = openSync(log, 'w')
    const child = spawn(resolve(binaries, program), flags, { stdio: ['ignore', output, output] })
    closeSync(output)
    children.push(child)
    return { child, log }
  }
  const stop = async () => {
    for (const child of children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await rm(folder, { recursive: true })
  }
  try {
    const [etcdPort, peerPort] = [await freePort(), await freePort()]
    const port = options.port ?? (await freePort())
    const [etcd, peer] = [`http://127.0.0.1:${etcdPort}`, `http://127.0.0.1:${peerPort}`]
    start('etcd', [
      ...['--name', 'test', '--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'warn'],
      ...['--listen-client-urls', etcd, '--advertise-client-urls', etcd],
      ...[
        '--listen-peer-urls',
        peer,
        '--initial-advertise-peer-urls',
        peer,
        '--initial-cluster',
        `test=${peer}`,
      ],
    ])
    const authority = await certificateAuthority(folder, 'ca')
    const { certFile, keyFile } = await authority.issue('kube-apiserver', undefined, options.hosts)
    const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const serviceAccountKeyFile = join(folder, 'service-account.key')
    await writeFile(serviceAccountKeyFile, keys.privateKey.export({ type: 'pkcs1', format: 'pem' }))
    const tokens = join(folder, 'tokens.csv')
    await writeFile(tokens, `${adminToken},administrator,administrator,"system:masters"\n`)
    const tokenFile = join(folder, 'token')
    await writeFile(tokenFile, adminToken)
    const server = start('kube-apiserver', [
      ...['--etcd-servers', etcd, '--bind-address', '127.0.0.1', '--secure-port', String(port)],
      ...['--tls-cert-file', certFile, '--tls-private-key-file', keyFile],
      ...['--service-account-issuer', 'https://kubernetes.default.svc'],
      ...['--service-account-key-file', serviceAccountKeyFile],
      ...['--service-account-signing-key-file', serviceAccountKeyFile],
      ...['--authorization-mode', 'RBAC', '--token-auth-file', tokens],
      ...['--service-cluster-ip-range', '10.0.0.0/24', '--endpoint-reconciler-type', 'none'],
      ...(options.flags ?? []),
    ])
    const url = `https://127.0.0.1:${port}`
    const ca = await readFile(authority.caFile, 'utf8')
    const admin = kubernetesClient(url, ca, adminToken)
    await untilReady(admin, server.child, server.log)
    return {
      server: url,
      caFile: authority.caFile,
      tokenFile,
      admin,
      authority,
      serviceAccountKeyFile,
      start,
      async as(namespace, serviceAccount) {
        const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`
        const { body } = await admin.request('POST', path, { body: { spec: { expirationSeconds: 3600 } } })
        const file = join(folder, `${namespace}-${serviceAccount}.token`)
        await writeFile(file, body.status.token)
        return { ...kubernetesClient(url, ca, body.status.token), tokenFile: file }
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function untilReady(admin: KubernetesClient, server: ChildProcess, log: string): Promise<void> {
  const giveUp = AbortSignal.timeout(120_000)
  for (;;) {
    const { status } = await admin.request('GET', '/readyz', { allow: 'any' }).catch(() => ({ status: 0 }))
    if (status === 200) return
    if (giveUp.aborted || server.exitCode !== null) {
      throw new Error(`the API server is not ready; it says:\n${(await readFile(log, 'utf8')).slice(-4000)}`)
    }
    await sleep(100)
  }
}
