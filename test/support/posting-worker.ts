import { parentPort, workerData } from 'node:worker_threads'

/** What the thread is started with: a request over HTTP, and how much of its answer is read. */
export interface Posting {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
  readonly readBytes: number
}

export interface Posted {
  readonly status: number
  readonly bytes: number
}

/** In a thread of its own: sends the request once it is told to, and says with which status it was answered. */
const { url, headers, body, readBytes } = workerData as Posting

async function post(): Promise<Posted> {
  const leaving = new AbortController()
  const sent = typeof body === 'string' ? body : Buffer.from(body)
  const { status, body: answer } = await fetch(url, {
    method: 'POST',
    headers,
    body: sent,
    signal: leaving.signal,
  })
  let bytes = 0
  for await (const part of answer ?? []) {
    bytes += part.length
    if (bytes >= readBytes) break
  }
  leaving.abort()
  return { status, bytes }
}

parentPort?.once('message', async () => parentPort?.postMessage(await post()))
parentPort?.postMessage('ready')
