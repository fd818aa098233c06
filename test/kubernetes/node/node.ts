import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { binaries, type Cluster, startCluster } from '../cluster.ts'
import { startDnsServer } from './dns-server.ts'
import { writeImage } from './image.ts'

const run = promisify(execFile)

/** A cluster of one node that runs Pods: real controllers, scheduler, kubelet and container runtime. */
export interface Node {
  readonly cluster: Cluster
  /** Brings an image archive to the node: there is no registry. */
  importImage(archive: string): Promise<void>
  stop(): Promise<void>
}

/** As enter.sh set them up. */
export interface NodePlace {
  /** All that the node writes. */
  readonly folder: string
  /** Of its Pods, below the top of each controller. */
  readonly cgroup: string
  readonly address: string
}

export function nodePlace(env: Readonly<Record<string, string | undefined>>): NodePlace {
  const { NODE_FOLDER: folder, NODE_CGROUP: cgroup, NODE_ADDRESS: address } = env
  if (!folder || !cgroup || !address) throw new Error('run it by test/kubernetes/node/enter.sh')
  return { folder, cgroup, address }
}

export const runtime = join(binaries, 'runtime')
const pauseImage = 'foresize.test/pause:1'
const socket = '/run/containerd/containerd.sock'
const nodeName = 'node'

export async function startNode(place: NodePlace): Promise<Node> {
  const { folder, address } = place
  const cluster = await startCluster({
    hosts: [address, 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'],
    // Where Pods look for it.
    port: 443,
    flags: [
      ...['--bind-address', '0.0.0.0', '--advertise-address', address, '--allow-privileged'],
      // Webhooks are called at the addresses of their Pods: nothing here serves those of Services.
      '--enable-aggregator-routing',
    ],
  })
  const stops: (() => Promise<void> | void)[] = [cluster.stop]
  const stop = async () => {
    for (const each of stops.toReversed()) await each()
  }
  try {
    stops.push(await startDnsServer(address, cluster.admin))
    const kubeconfig = join(folder, 'kubeconfig')
    await writeFile(kubeconfig, kubeconfigOf(cluster))
    const common = ['--kubeconfig', kubeconfig, '--leader-elect=false', '--secure-port=0']
    cluster.start('kube-controller-manager', [
      ...common,
      ...['--root-ca-file', cluster.caFile, '--flex-volume-plugin-dir', join(folder, 'volume-plugins')],
      ...['--service-account-private-key-file', cluster.serviceAccountKeyFile],
    ])
    cluster.start('kube-scheduler', common)
    await startRuntime(cluster, place)
    const root = join(folder, 'pause')
    await mkdir(root)
    await run('cp', [join(runtime, 'pause'), root])
    await importImage(await writeImage(folder, pauseImage, root, { Entrypoint: ['/pause'] }))
    await startKubelet(cluster, place, kubeconfig)
    return { cluster, importImage, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function importImage(archive: string): Promise<void> {
  const ctr = join(runtime, 'usr/bin/ctr')
  await run(ctr, ['--address', socket, '--namespace', 'k8s.io', 'images', 'import', archive])
}

/** JSON, which is YAML too. */
function kubeconfigOf({ server, caFile, tokenFile }: Cluster): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': caFile } }],
    users: [{ name: 'test', user: { tokenFile } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  })
}

async function startRuntime(cluster: Cluster, { folder }: NodePlace): Promise<void> {
  const networks = join(folder, 'networks')
  await mkdir(networks)
  const network = {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: '10.88.0.0/16' }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: join(folder, 'addresses'),
        },
      },
    ],
  }
  await writeFile(join(networks, 'pods.conflist'), JSON.stringify(network))
  const config = join(folder, 'containerd.toml')
  const inCri = '[plugins."io.containerd.grpc.v1.cri"'
  await writeFile(
    config,
    [
      'version = 2',
      `root = "${join(folder, 'containerd')}"`,
      'state = "/run/containerd"',
      '[grpc]',
      `address = "${socket}"`,
      `${inCri}]`,
      `sandbox_image = "${pauseImage}"`,
      // Not every machine lets root lower it.
      'restrict_oom_score_adj = true',
      'disable_apparmor = true',
      `${inCri}.cni]`,
      `bin_dir = "${join(runtime, 'usr/lib/cni')}"`,
      `conf_dir = "${networks}"`,
      `${inCri}.containerd.runtimes.runc]`,
      'runtime_type = "io.containerd.runc.v2"',
      `${inCri}.containerd.runtimes.runc.options]`,
      `BinaryName = "${join(runtime, 'usr/sbin/runc')}"`,
      'SystemdCgroup = false',
    ].join('\n'),
  )
  const { log } = cluster.start(join(runtime, 'usr/bin/containerd'), ['--config', config])
  const version = () => run(join(runtime, 'usr/bin/ctr'), ['--address', socket, 'version'])
  await untilNoError('containerd', log, version)
}

async function startKubelet(cluster: Cluster, place: NodePlace, kubeconfig: string): Promise<void> {
  const { folder, cgroup, address } = place
  const config = join(folder, 'kubelet.yaml')
  await writeFile(
    config,
    stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address,
      authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      containerRuntimeEndpoint: `unix://${socket}`,
      cgroupDriver: 'cgroupfs',
      cgroupRoot: cgroup,
      failCgroupV1: false,
      failSwapOn: false,
      makeIPTablesUtilChains: false,
      clusterDNS: [address],
      clusterDomain: 'cluster.local',
      resolvConf: join(folder, 'resolv.conf'),
      podLogsDir: join(folder, 'pod-logs'),
      volumePluginDir: join(folder, 'volume-plugins'),
      // Images cannot be pulled again, and the disk is not the node's alone.
      imageGCHighThresholdPercent: 100,
      evictionHard: { 'memory.available': '100Mi' },
    }),
  )
  const { log } = cluster.start('kubelet', [
    ...['--config', config, '--kubeconfig', kubeconfig, '--root-dir', join(folder, 'kubelet')],
    ...['--hostname-override', nodeName, '--node-ip', address],
  ])
  await untilNoError('the kubelet', log, async () => {
    const { body } = await cluster.admin.request('GET', `/api/v1/nodes/${nodeName}`)
    const conditions = body.status.conditions as readonly { readonly type: string; readonly status: string }[]
    if (!conditions.some(({ type, status }) => type === 'Ready' && status === 'True'))
      throw new Error('not Ready')
  })
}

async function untilNoError(name: string, log: string, attempt: () => Promise<unknown>): Promise<void> {
  const giveUp = AbortSignal.timeout(120_000)
  for (;;) {
    try {
      await attempt()
      return
    } catch (error) {
      if (giveUp.aborted) {
        throw new Error(`${name} is not ready; it says:\n${(await readFile(log, 'utf8')).slice(-4000)}`, {
          cause: error,
        })
      }
      await sleep(200)
    }
  }
}
