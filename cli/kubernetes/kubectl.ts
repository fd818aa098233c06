import { execFile } from 'node:child_process'
import { type CommandInput, type CommandOption, text, UsageError } from '../command.ts'
import { deadlineOf } from '../connection.ts'

/** Options of kubectl that these commands take and hand on. */
export const kubectlOptions = {
  context: { type: 'string', value: 'NAME', description: 'of kubectl: which context' },
  kubeconfig: {
    type: 'string',
    value: 'FILE',
    description: 'of kubectl: its settings (default $KUBECONFIG)',
  },
} as const satisfies Readonly<Record<string, CommandOption>>

/**
 * The API server, as whoever uses kubectl may ask it: kubectl itself makes the calls, so that contexts, single sign-on,
 * credential plugins and proxies are as it has them (docs/decisions/0051).
 */
export interface Kubectl {
  /** Rejects with KubectlError. */
  get<T>(path: string, query?: Readonly<Record<string, string>>): Promise<T>
  /** All pages of a list. */
  list<T>(path: string, query?: Readonly<Record<string, string>>): Promise<readonly T[]>
  create<T>(path: string, body: object): Promise<T>
  /** Of the context. */
  namespace(): Promise<string>
}

/** What kubectl said of a call that failed; `reason` as the API server has it: NotFound, Forbidden. */
export class KubectlError extends Error {
  readonly reason: string

  constructor(reason: string, message: string) {
    super(message)
    this.name = 'KubectlError'
    this.reason = reason
  }
}

const pageSize = '500'

/** Of one answer: a page of 500 Pods is some megabytes. */
const maxBytes = 64 * 1024 * 1024

export function kubectl(input: CommandInput): Kubectl {
  const settings = Object.keys(kubectlOptions).flatMap((name) => {
    const value = text(input, name)
    return value === undefined ? [] : [`--${name}=${value}`]
  })
  const timeoutMs = deadlineOf(input)

  function run(args: readonly string[], body?: object): Promise<string> {
    const options = { encoding: 'utf8', maxBuffer: maxBytes, timeout: timeoutMs, env: input.env } as const
    return new Promise((resolve, reject) => {
      const child = execFile('kubectl', [...settings, ...args], options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(failureOf(error, stderr, timeoutMs))
      })
      child.stdin?.on('error', () => {}).end(body === undefined ? '' : JSON.stringify(body))
    })
  }

  const get = async <T>(path: string, query = {}): Promise<T> =>
    JSON.parse(await run(['get', '--raw', at(path, query)]))

  return {
    get,
    async list<T>(path: string, query: Readonly<Record<string, string>> = {}) {
      const items: T[] = []
      for (let next = ''; ; ) {
        const page = await get<{
          readonly items?: readonly T[]
          readonly metadata: { readonly continue?: string }
        }>(path, {
          ...query,
          limit: pageSize,
          ...(next === '' ? {} : { continue: next }),
        })
        items.push(...(page.items ?? []))
        next = page.metadata.continue ?? ''
        if (next === '') return items
      }
    },
    create: async (path, body) => JSON.parse(await run(['create', '--raw', path, '-f', '-'], body)),
    async namespace() {
      const named = await run(['config', 'view', '--minify', '--output', 'jsonpath={..namespace}'])
      return named.trim() === '' ? 'default' : named.trim()
    },
  }
}

const at = (path: string, query: Readonly<Record<string, string>>) => {
  const search = new URLSearchParams(query).toString()
  return search === '' ? path : `${path}?${search}`
}

function failureOf(
  error: Error & { code?: unknown; killed?: boolean },
  stderr: string,
  timeoutMs: number,
): Error {
  if (error.code === 'ENOENT') return new KubectlError('', 'kubectl: command not found')
  if (error.killed === true)
    return new KubectlError(
      'Timeout',
      `kubectl gave no answer within ${timeoutMs} ms; wait longer with --within`,
    )
  const lastLine = stderr.trim().split('\n').at(-1) ?? ''
  const [, reason = '', message = lastLine] = /^Error from server(?: \((\w+)\))?: (.*)$/.exec(lastLine) ?? []
  return new KubectlError(reason, message === '' ? error.message : message)
}

/** `-n NAME`, else the namespace of the context. Throws: UsageError where NAME is empty. */
export async function namespaceOf(input: CommandInput, api: Kubectl): Promise<string> {
  const named = text(input, 'namespace')
  if (named === '') throw new UsageError('--namespace is empty')
  return named ?? (await api.namespace())
}
