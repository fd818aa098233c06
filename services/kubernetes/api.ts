import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { clipped } from '../../shared/domain/text.ts'
import { readText } from './read-text.ts'

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/** How the API server is reached: by default as from any Pod that has a token. */
export const apiSettings = {
  apiServer: z.url().default('https://kubernetes.default.svc').describe('the API server of Kubernetes'),
  apiCaFile: z.string().default(`${serviceAccount}/ca.crt`).describe('PEM roots of its certificate'),
  apiTokenFile: z.string().default(`${serviceAccount}/token`).describe('bearer token for it'),
  apiTimeoutMs: z
    .int()
    .min(10)
    .max(600_000)
    .default(10_000)
    .describe('longest that one call to it may take where nothing shorter is asked for, milliseconds'),
} as const

export type ApiSettings = z.output<z.ZodObject<typeof apiSettings>>

type Query = Readonly<Record<string, string | number | undefined>>

export interface CallOptions {
  readonly query?: Query
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

/** The API server answered with an error, as `reason` names it: NotFound, Conflict, Forbidden. */
export class ApiError extends Error {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.reason = reason
  }
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: T
}

/** Rejects with ApiError for an answer that is an error, and with the error of the connection where there is none. */
export interface KubernetesApi {
  get<T>(path: string, options?: CallOptions): Promise<T>
  /** Replaces; the `resourceVersion` in it makes that conditional. */
  put<T>(path: string, body: object, options?: CallOptions): Promise<T>
  /** A JSON Patch. */
  patch<T>(path: string, operations: readonly object[], options?: CallOptions): Promise<T>
  /** Until the server ends it or `signal` does; `onOpen` once it has begun. */
  watch<T>(
    path: string,
    query: Query,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
    onOpen?: () => void,
  ): Promise<void>
  close(): void
}

/** Of one answer, and of one event of a watch. */
const maxBytes = 64 * 1024 * 1024

/** Token and roots are read again so often: the kubelet renews them. */
const credentialsMs = 10_000

/** A watch that the server has not ended so long after it should have is cut. */
const watchGraceMs = 30_000

/** What the services need of the API, as JSON over connections that are kept. docs/decisions/0040. */
export function createKubernetesApi(settings: ApiSettings): KubernetesApi {
  const agent = new Agent({ keepAlive: true, maxSockets: 64, scheduling: 'fifo' })
  const base = new URL(settings.apiServer)
  let credentials: { readonly token: string; readonly ca: string; readonly readMs: number } | undefined

  function currentCredentials() {
    if (credentials === undefined || performance.now() - credentials.readMs > credentialsMs) {
      const token = readFileSync(settings.apiTokenFile, 'utf8').trim()
      credentials = { token, ca: readFileSync(settings.apiCaFile, 'utf8'), readMs: performance.now() }
    }
    return credentials
  }

  function open(method: string, path: string, query: Query, body: Body | undefined, signal: AbortSignal) {
    const url = new URL(path, base)
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    const { token, ca } = currentCredentials()
    const headers: Record<string, string> = { accept: 'application/json', authorization: `Bearer ${token}` }
    if (body !== undefined) headers['content-type'] = body.type
    const options: RequestOptions = { method, headers, agent, ca, signal }
    return new Promise<IncomingMessage>((resolve, reject) => {
      request(url, options, resolve).once('error', reject).end(body?.text)
    })
  }

  async function call<T>(method: string, path: string, options: CallOptions = {}, body?: Body): Promise<T> {
    const { query = {}, timeoutMs = settings.apiTimeoutMs, signal } = options
    signal?.throwIfAborted()
    const late = new AbortController()
    const cut = () => late.abort(new Error(`${path}: no answer in time`))
    // Cheaper than AbortSignal.any and AbortSignal.timeout, which goes off for every call that was answered long before.
    const timer = setTimeout(cut, timeoutMs)
    signal?.addEventListener('abort', cut, { once: true })
    try {
      const response = await open(method, path, query, body, late.signal)
      const text = await textOf(response)
      if ((response.statusCode ?? 0) >= 300) throw errorOf(response, text)
      return JSON.parse(text) as T
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', cut)
    }
  }

  return {
    get: (path, options) => call('GET', path, options),
    put: (path, body, options) =>
      call('PUT', path, options, { type: 'application/json', text: JSON.stringify(body) }),
    patch: (path, operations, options) =>
      call('PATCH', path, options, { type: 'application/json-patch+json', text: JSON.stringify(operations) }),

    async watch<T>(
      path: string,
      query: Query,
      onEvent: (event: WatchEvent<T>) => void,
      signal: AbortSignal,
      onOpen?: () => void,
    ) {
      const endMs = 1000 * Number(query['timeoutSeconds'] ?? 300) + watchGraceMs
      const until = AbortSignal.any([AbortSignal.timeout(endMs), signal])
      const response = await open('GET', path, { ...query, watch: 'true' }, undefined, until)
      if (response.statusCode !== 200) throw errorOf(response, await textOf(response))
      onOpen?.()
      let lineBytes = 0
      response.on('data', (chunk: Buffer) => {
        lineBytes = chunk.includes(10) ? chunk.length - chunk.lastIndexOf(10) : lineBytes + chunk.length
        if (lineBytes > maxBytes)
          response.destroy(new Error(`${path}: an event of more than ${maxBytes} bytes`))
      })
      try {
        for await (const line of createInterface(response)) onEvent(JSON.parse(line) as WatchEvent<T>)
        if (response.errored !== null) throw response.errored
      } finally {
        response.destroy()
      }
    },

    close: () => agent.destroy(),
  }
}

interface Body {
  readonly type: string
  readonly text: string
}

const textOf = (response: IncomingMessage): Promise<string> =>
  readText(response, maxBytes, () => new Error(`an answer of more than ${maxBytes} bytes`))

/** The API server says what is wrong in an object Status. */
function errorOf({ statusCode = 0 }: IncomingMessage, text: string): ApiError {
  try {
    const { reason, message } = JSON.parse(text) as { readonly reason?: string; readonly message?: string }
    return new ApiError(statusCode, reason ?? '', message ?? clipped(text, 200))
  } catch {
    return new ApiError(statusCode, '', `${statusCode} ${clipped(text, 200)}`)
  }
}
