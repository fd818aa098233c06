import { Agent, request } from 'node:https'
import type { Manifest } from '../support/manifests.ts'

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Default application/json. */
  readonly type?: string
  /** `any`: an answer that is an error is an answer too. */
  readonly allow?: 'any'
}

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: any object of the API
  readonly body: any
  /** What the API server warns of. */
  readonly warnings: readonly string[]
}

export interface KubernetesClient {
  /** Throws where the answer is an error, with what it says. */
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>
  /** Creates or changes, by server-side apply; fields that there are not are refused. */
  apply(manifest: Manifest, query?: Readonly<Record<string, string>>): Promise<Answer>
  /** The path of a kind's objects: in a namespace, or in none. */
  pathOf(apiVersion: string, kind: string, namespace: string | undefined): Promise<string>
}

interface ResourceList {
  readonly resources: readonly {
    readonly kind: string
    readonly name: string
    readonly namespaced: boolean
  }[]
}

export function kubernetesClient(server: string, ca: string, token: string): KubernetesClient {
  const agent = new Agent({ keepAlive: true })
  const lists = new Map<string, Promise<ResourceList>>()

  function send(method: string, path: string, options: RequestOptions): Promise<Answer> {
    const { query = {}, body, type = 'application/json' } = options
    const url = new URL(path, server)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const headers = { authorization: `Bearer ${token}`, 'content-type': type, accept: 'application/json' }
    return new Promise((resolve, reject) => {
      const call = request(url, { method, headers, ca, agent }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const isJson = response.headers['content-type']?.includes('json') === true
          const warning = response.headersDistinct['warning'] ?? []
          resolve({
            status: response.statusCode ?? 0,
            body: isJson ? JSON.parse(text) : text,
            warnings: warning.map((each) => each.replace(/^299 - /, '')),
          })
        })
      })
      call.on('error', reject)
      call.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  async function requested(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const answer = await send(method, path, options)
    if (options.allow !== 'any' && answer.status >= 300) {
      throw new Error(
        `${method} ${path}: ${answer.status} ${answer.body?.message ?? JSON.stringify(answer.body)}`,
      )
    }
    return answer
  }

  async function pathOf(apiVersion: string, kind: string, namespace: string | undefined): Promise<string> {
    const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    const find = async () => {
      const list = lists.get(group) ?? requested('GET', group).then(({ body }) => body as ResourceList)
      lists.set(group, list)
      return (await list).resources.find((each) => each.kind === kind && !each.name.includes('/'))
    }
    const found = await find().catch(() => undefined)
    if (found === undefined) {
      lists.delete(group)
      throw new Error(`the API server knows no ${apiVersion} ${kind}`)
    }
    return found.namespaced ? `${group}/namespaces/${namespace}/${found.name}` : `${group}/${found.name}`
  }

  return {
    request: requested,
    pathOf,
    async apply(manifest, query = {}) {
      const { apiVersion, kind, metadata } = manifest
      const { namespace = 'default' } = metadata as { readonly namespace?: string }
      const path = await pathOf(apiVersion, kind, namespace)
      return requested('PATCH', `${path}/${metadata.name}`, {
        type: 'application/apply-patch+yaml',
        query: { fieldManager: 'test', fieldValidation: 'Strict', force: 'true', ...query },
        body: manifest,
      })
    },
  }
}
