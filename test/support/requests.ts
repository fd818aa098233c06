import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { status } from '@grpc/grpc-js'
import { expect } from 'vitest'
import type { Sending } from './sending-worker.ts'
import type { Work } from './turns.ts'

/** A request of any bytes. The one who sends it is a thread of its own. */
export async function request(
  address: string,
  method: string,
  bytes: Uint8Array,
  code: status,
): Promise<Work> {
  const workerData: Sending = { address, path: `/foresize.v1.${method}`, request: bytes }
  const worker = new Worker(new URL('./sending-worker.ts', import.meta.url), { workerData })
  await once(worker, 'message')
  return async () => {
    worker.postMessage('send')
    expect(await once(worker, 'message')).toEqual([code])
    await worker.terminate()
  }
}

/** Two million entries of two bytes each. */
export const empties = (address: string, method: string) =>
  request(address, method, Buffer.alloc(4_000_000, Buffer.from([0x0a, 0])), status.INVALID_ARGUMENT)
