import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { agentConfig } from '../services/kubernetes/agent/config.ts'
import { agentAccount, startAgentProcess } from '../test/kubernetes/agent-fixture.ts'
import { startCluster } from '../test/kubernetes/cluster.ts'
import { cgroupTree } from '../test/support/cgroup-tree.ts'
import { deployFolder, projectRoot, renderOverlay } from '../test/support/manifests.ts'
import { temporaryDirectory } from '../test/support/temporary-directory.ts'

/**
 * The node agent as its manifest starts it, compiled as for the image, with Pods that run, against a real API server and
 * cgroups as files: its CPU and its resident memory.
 */

const { values } = parseArgs({
  options: { pods: { type: 'string', default: '100' }, seconds: { type: 'string', default: '20' } },
})
const [pods, seconds] = [Number(values.pods), Number(values.seconds)]
const ticksPerSecond = 100

const app = await mkdtemp(join(projectRoot, '.foresize', 'agent-'))
const compiler = ['-p', join(deployFolder, 'image', 'tsconfig.json'), '--noCheck', '--outDir', app]
await promisify(execFile)(join(projectRoot, 'node_modules', '.bin', 'tsc'), compiler)
const cluster = await startCluster()
const root = await temporaryDirectory()
try {
  const tree = cgroupTree(root, 2, 'systemd')
  const { tokenFile } = await agentAccount(cluster)
  const labels = { 'foresize.dev/mode': 'shadow' }
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'tasks', labels } }
  await cluster.admin.apply(namespace as never)
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'tasks' },
  }
  await cluster.admin.apply(account as never)
  // A Pod of some ten thousand bytes, as they are.
  const env = Array.from({ length: 80 }, (_, i) => ({ name: `SETTING_${i}`, value: 'x'.repeat(80) }))
  for (let i = 0; i < pods; i++) {
    const path = '/api/v1/namespaces/tasks/pods'
    const { body } = await cluster.admin.request('POST', path, {
      body: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `pod-${i}`, annotations: { 'foresize.dev/task': 'task' } },
        spec: { nodeName: 'here', containers: [{ name: 'main', image: 'x', env }] },
      },
    })
    const id = i.toString(16).padStart(64, '0')
    tree.write(body.metadata.uid, id, { peakBytes: 1e8, chargedBytes: 9e7, cpuSeconds: 1 })
    const status = { name: 'main', image: 'x', imageID: '', ready: true, restartCount: 0 }
    const running = {
      containerID: `containerd://${id}`,
      state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
    }
    await cluster.admin.request('PATCH', `${path}/pod-${i}/status`, {
      type: 'application/merge-patch+json',
      body: { status: { phase: 'Running', containerStatuses: [{ ...status, ...running }] } },
    })
  }
  const settings = agentConfig.parse({ nodeName: 'here' })
  const flags = {
    ...{ 'node-name': 'here', 'cgroup-root': root, profiler: '127.0.0.1:1' },
    'report-interval-ms': String(settings.reportIntervalMs),
  }
  const agent = await startAgentProcess(cluster, tokenFile, flags, await programIn(app))
  const ticks = () => {
    const fields = readFileSync(`/proc/${agent.child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  }
  // Young containers are read more often.
  await sleep(20_000)
  const before = ticks()
  await sleep(seconds * 1000)
  const share = (ticks() - before) / ticksPerSecond / seconds
  const status = readFileSync(`/proc/${agent.child.pid}/status`, 'utf8')
  const residentBytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024
  process.stdout.write(
    `${pods} Pods: ${(share * 100).toFixed(2)} % of a core, ${Math.round(residentBytes / 1e6)} MB resident\n`,
  )
  await agent.stop()
} finally {
  await cluster.stop()
  await rm(root, { recursive: true })
  await rm(app, { recursive: true })
}

/** What the DaemonSet starts Node with, its program in `folder`. */
async function programIn(folder: string): Promise<readonly string[]> {
  const daemonSet = (await renderOverlay('kubernetes/agent')).find(({ kind }) => kind === 'DaemonSet')
  const [container] = daemonSet?.['spec'].template.spec.containers ?? []
  const env = container.env as readonly { readonly name: string; readonly value?: string }[]
  const options = env.find(({ name }) => name === 'NODE_OPTIONS')?.value?.split(' ') ?? []
  const args = container.args as readonly string[]
  return [...options, ...args.map((arg) => (arg.endsWith('.js') ? join(folder, arg) : arg))]
}
