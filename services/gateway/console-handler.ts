import type { IncomingMessage, ServerResponse } from 'node:http'
import { ConnectError } from '@connectrpc/connect'
import { hostOf } from '../../shared/rpc/http-server.ts'
import type { Admission } from './admission.ts'
import type { ConsoleFile } from './console-files.ts'

export interface ConsoleOptions {
  /** Undefined where the pages were not built. */
  readonly files: ReadonlyMap<string, ConsoleFile> | undefined
  /** Whether a token that is typed into a page travels encrypted, or stays on this host. */
  readonly isSafe: boolean
  readonly admission: Admission
  /** A reader that has not taken a file by then is cut off. */
  readonly sendTimeoutMs: number
}

/** Nothing but this origin's own files run, draw or are called; no code or style within a page. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const securityHeaders = {
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

const root = '/console/'

export const isOfConsole = (path: string): boolean =>
  path === '/' || path === '/console' || path.startsWith(root)

/** Answers a request for a page or one of its files. Every address of a page gets the same page, which reads it. */
export function consoleHandler(options: ConsoleOptions) {
  const { files, isSafe, admission, sendTimeoutMs } = options

  function answer(path: string, request: IncomingMessage, response: ServerResponse): void {
    const place = path.slice(root.length)
    const file = files?.get(place.includes('.') ? place : 'index.html')
    if (!isSafe) say(response, 403, 'the console is served beyond this host over TLS alone')
    else if (files === undefined) say(response, 404, 'the console was not built: make console')
    else if (request.method !== 'GET' && request.method !== 'HEAD')
      say(response, 405, 'the console is read by GET')
    else if (!path.startsWith(root)) response.writeHead(302, { ...securityHeaders, location: root }).end()
    else if (file === undefined) say(response, 404, `${path} is no file of the console`)
    else send(file, request, response)
  }

  return (path: string, request: IncomingMessage, response: ServerResponse): void => {
    const call = admission.open(hostOf(request))
    const timer = setTimeout(() => response.destroy(), sendTimeoutMs)
    response.once('close', () => {
      clearTimeout(timer)
      call.close()
    })
    try {
      call.admit()
      answer(path, request, response)
    } catch (error) {
      say(response, 429, ConnectError.from(error).rawMessage)
    }
  }
}

function send(file: ConsoleFile, request: IncomingMessage, response: ServerResponse): void {
  const headers = {
    ...securityHeaders,
    etag: file.etag,
    vary: 'accept-encoding',
    'cache-control': file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
  }
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304, headers).end()
    return
  }
  const isGzipped = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const body = isGzipped ? file.gzipped : file.content
  response
    .writeHead(200, {
      ...headers,
      'content-type': file.contentType,
      'content-length': body.byteLength,
      ...(isGzipped ? { 'content-encoding': 'gzip' } : {}),
    })
    .end(request.method === 'HEAD' ? undefined : body)
}

function say(response: ServerResponse, httpStatus: number, message: string): void {
  response
    .writeHead(httpStatus, { ...securityHeaders, 'content-type': 'text/plain; charset=utf-8' })
    .end(`${message}\n`)
}
