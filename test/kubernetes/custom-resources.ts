import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import type { Cluster } from './cluster.ts'

const run = promisify(execFile)

/** Where the definitions of kinds that are not Kubernetes's own come from: Go modules, fetched as any other. */
const modules = [
  [
    'github.com/cert-manager/cert-manager@v1.21.2',
    'deploy/crds',
    /^cert-manager\.io_(certificates|issuers)\.yaml$/,
  ],
  [
    'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    'example/prometheus-operator-crd',
    /_(servicemonitors|podmonitors|prometheusrules)\.yaml$/,
  ],
] as const

/** Makes the cluster know the kinds of cert-manager and of the Prometheus operator that the manifests have. */
export async function defineCustomResources({ admin }: Cluster): Promise<void> {
  for (const [module, folder, files] of modules) {
    const { stdout } = await run('go', ['mod', 'download', '-json', module], { cwd: '/' })
    const { Dir } = JSON.parse(stdout) as { readonly Dir: string }
    const names = await readdir(join(Dir, folder))
    for (const name of names.filter((each) => files.test(each))) {
      const definition = parse(await readFile(join(Dir, folder, name), 'utf8'))
      await admin.apply(definition)
      await untilServed(admin, definition)
    }
  }
}

async function untilServed(
  admin: Cluster['admin'],
  {
    spec,
  }: { readonly spec: { group: string; names: { kind: string }; versions: readonly { name: string }[] } },
): Promise<void> {
  const giveUp = AbortSignal.timeout(30_000)
  for (;;) {
    const isServed = await admin
      .pathOf(`${spec.group}/${spec.versions[0]?.name}`, spec.names.kind, 'default')
      .then(
        () => true,
        () => false,
      )
    if (isServed) return
    if (giveUp.aborted) throw new Error(`${spec.names.kind} is not served`)
    await sleep(100)
  }
}
