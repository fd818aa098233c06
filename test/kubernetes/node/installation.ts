import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  deployFolder,
  type Manifest,
  projectRoot,
  renderOverlay,
  renderWith,
} from '../../support/manifests.ts'
import { sha256Of, type TokenEntry } from '../../support/secure-services.ts'
import type { Cluster } from '../cluster.ts'
import { rootOf, writeImage } from './image.ts'
import { type Node, runtime } from './node.ts'
import { untilAvailable } from './workloads.ts'

const run = promisify(execFile)

/** foresize on a node as docs/kubernetes.md installs it: the production overlay, the webhook with certificates of its own, the agent. */
export interface Installation {
  readonly caFile: string
  /** Of a token that may do all that the test does. */
  readonly token: string
  readonly profiler: string
  readonly estimator: string
}

const everywhere = { namespaces: ['*'] } as const
const tokens = {
  estimator: { token: 'e', name: 'estimator', roles: ['estimator'], ...everywhere },
  admission: { token: 'a', name: 'admission', roles: ['scheduler'], ...everywhere },
  agent: { token: 'g', name: 'agent', roles: ['worker'], ...everywhere },
  test: { token: 't', name: 'test', roles: ['worker', 'scheduler', 'operator'], ...everywhere },
} as const satisfies Record<string, TokenEntry>

/** What no program here serves: certificates are the test's own, of the names that they ask for. */
const foreignGroups = /^(cert-manager\.io|monitoring\.coreos\.com)\//

export async function install(node: Node, folder: string): Promise<Installation> {
  const { cluster } = node
  const { admin, authority } = cluster
  for (const archive of await images(folder)) await node.importImage(archive)
  const all = await renderWith('production', 'admission', 'admission-self-signed')
  const agent = (await renderOverlay('kubernetes/agent')).map(named)
  const own = [...all, ...agent].filter(({ apiVersion }) => !foreignGroups.test(apiVersion))
  const isNamespace = ({ kind }: Manifest) => kind === 'Namespace'
  for (const manifest of own.filter(isNamespace)) await admin.apply(manifest)

  const ca = await readFile(authority.caFile, 'utf8')
  for (const { kind, spec } of all) {
    if (kind !== 'Certificate' || spec.isCA === true) continue
    const { certFile, keyFile } = await authority.issue(spec.secretName, undefined, spec.dnsNames)
    const [crt, key] = [await readFile(certFile, 'utf8'), await readFile(keyFile, 'utf8')]
    await secret(cluster, 'foresize', spec.secretName, { 'tls.crt': crt, 'tls.key': key, 'ca.crt': ca })
  }
  const entries = Object.values(tokens).map(({ token, ...entry }) => ({ ...entry, sha256: sha256Of(token) }))
  await secret(cluster, 'foresize', 'foresize-tokens', { 'tokens.json': JSON.stringify({ tokens: entries }) })
  await secret(cluster, 'foresize', 'foresize-estimator-token', { token: tokens.estimator.token })
  await secret(cluster, 'foresize', 'foresize-admission-token', { token: tokens.admission.token })
  await secret(cluster, 'foresize', 'foresize-redis', { password: 'secret' })
  await secret(cluster, 'foresize-agent', 'foresize-agent-token', { token: tokens.agent.token })
  const metadata = { name: 'foresize-ca', namespace: 'foresize-agent' }
  await admin.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': ca } })

  for (const manifest of redis) await admin.apply(manifest)
  for (const manifest of own.filter((each) => !isNamespace(each))) await admin.apply(manifest)
  for (const [name, replicas] of [
    ['foresize-profiler', 2],
    ['foresize-estimator', 3],
    ['foresize-admission', 2],
  ] as const) {
    await untilAvailable(admin, name, replicas)
  }
  return {
    caFile: authority.caFile,
    token: tokens.test.token,
    profiler: 'dns:///foresize-profiler.foresize.svc.cluster.local:7070',
    estimator: 'dns:///foresize-estimator.foresize.svc.cluster.local:7071',
  }
}

async function images(folder: string): Promise<readonly string[]> {
  const root = join(folder, 'foresize')
  await run(join(deployFolder, 'image', 'bare-root.sh'), [root])
  await run('chown', ['65532:65532', join(root, 'data')])
  // As deploy/image/Dockerfile says.
  const foresize = {
    Entrypoint: ['/nodejs/bin/node'],
    Env: ['NODE_ENV=production', 'PATH=/nodejs/bin'],
    WorkingDir: '/app',
    User: '65532:65532',
  }
  const redisRoot = await rootOf(join(folder, 'redis'), [join(projectRoot, '.foresize/bin/redis-server')])
  const taskRoot = await rootOf(join(folder, 'task'), [join(runtime, 'task')])
  return [
    await writeImage(folder, 'docker.io/library/foresize:0.1.0', root, foresize),
    await writeImage(folder, 'foresize.test/redis:1', redisRoot, { Entrypoint: ['/redis-server'] }),
    await writeImage(folder, 'foresize.test/task:1', taskRoot, { Entrypoint: ['/task'] }),
  ]
}

/** The image by its version, as an overlay of one's own would: by none it would be pulled. */
const named = (manifest: Manifest): Manifest =>
  JSON.parse(JSON.stringify(manifest).replaceAll('"image":"foresize"', '"image":"foresize:0.1.0"'))

function secret(
  cluster: Cluster,
  namespace: string,
  name: string,
  stringData: Readonly<Record<string, string>>,
) {
  const metadata = { name, namespace }
  return cluster.admin.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData } as Manifest)
}

const redisName = { 'app.kubernetes.io/name': 'foresize-redis' }
const redisMetadata = { name: 'foresize-redis', namespace: 'foresize' }

/** A user's own, as the page asks for it. */
const redis: readonly Manifest[] = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: redisMetadata,
    spec: { clusterIP: 'None', selector: redisName, ports: [{ port: 6379 }] },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: redisMetadata,
    spec: {
      selector: { matchLabels: redisName },
      template: {
        metadata: { labels: redisName },
        spec: {
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              name: 'redis',
              image: 'foresize.test/redis:1',
              args: [
                '--protected-mode',
                'no',
                '--requirepass',
                'secret',
                '--save',
                '',
                '--maxmemory-policy',
                'noeviction',
              ],
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
            },
          ],
        },
      },
    },
  },
]
