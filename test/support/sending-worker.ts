import { parentPort, workerData } from 'node:worker_threads'
import { Client, credentials } from '@grpc/grpc-js'

/** What the thread is started with: a unary call whose request is any bytes at all. */
export interface Sending {
  readonly address: string
  readonly path: string
  readonly request: Uint8Array
}

/** In a thread of its own: sends the request once it is told to, and says with which status it was answered. */
const { address, path, request } = workerData as Sending
const client = new Client(address, credentials.createInsecure())
const asItIs = (bytes: Buffer) => bytes
const send = (bytes: Buffer) =>
  new Promise<number>((resolve) => {
    client.makeUnaryRequest(path, asItIs, asItIs, bytes, (error) => resolve(error?.code ?? 0))
  })

await send(Buffer.alloc(0))
parentPort?.once('message', async () => {
  parentPort?.postMessage(await send(Buffer.from(request)))
  client.close()
})
parentPort?.postMessage('ready')
