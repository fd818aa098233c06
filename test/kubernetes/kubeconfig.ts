import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Cluster } from './cluster.ts'

/** A kubeconfig for the administrator of a cluster of the tests, beside its token. */
export async function kubeconfigOf(
  { server, caFile, tokenFile }: Cluster,
  namespace = 'default',
): Promise<string> {
  const file = join(dirname(tokenFile), `kubeconfig-${namespace}`)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': caFile } }],
    users: [{ name: 'administrator', user: { token: await readFile(tokenFile, 'utf8') } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'administrator', namespace } }],
    'current-context': 'test',
  }
  await writeFile(file, JSON.stringify(config), { mode: 0o600 })
  return file
}
