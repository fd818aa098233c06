import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../cli/pair.ts'
import { projectRoot, renderOverlay } from '../support/manifests.ts'
import type { Cluster } from './cluster.ts'

export interface AgentProcess {
  readonly metricsUrl: string
  readonly child: ChildProcess
  stop(): Promise<void>
}

const kinds = ['Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding']

/** The account that the manifests make for it, by the rights that they give. */
export async function agentAccount(cluster: Cluster): Promise<{ readonly tokenFile: string }> {
  for (const manifest of await renderOverlay('kubernetes/agent')) {
    if (kinds.includes(manifest.kind)) await cluster.admin.apply(manifest)
  }
  return cluster.as('foresize-agent', 'foresize-agent')
}

/** What a Node process is started with: its program, and before it what Node itself is to know. */
const fromSource = ['--max-semi-space-size=1', join(projectRoot, 'services/kubernetes/agent/main.ts')]

/** The agent as a process, with the token of its service account and no other; resolves once it knows its Pods. */
export async function startAgentProcess(
  cluster: Cluster,
  tokenFile: string,
  flags: Readonly<Record<string, string>>,
  program: readonly string[] = fromSource,
): Promise<AgentProcess> {
  const metrics = `127.0.0.1:${await freePort()}`
  const settings = {
    'api-server': cluster.server,
    'api-ca-file': cluster.caFile,
    'api-token-file': tokenFile,
    'metrics-listen': metrics,
    'report-interval-ms': '50',
    ...flags,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const child = spawn(process.execPath, [...program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-8000)
  })
  const giveUp = AbortSignal.timeout(60_000)
  for (;;) {
    const answer = await fetch(`http://${metrics}/healthz`).catch(() => undefined)
    if (answer?.status === 200) break
    if (giveUp.aborted || child.exitCode !== null)
      throw new Error(`the agent is not ready; it says:\n${said}`)
    await sleep(50)
  }
  return {
    metricsUrl: `http://${metrics}/metrics`,
    child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}
