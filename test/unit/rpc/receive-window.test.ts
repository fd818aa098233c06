import { EventEmitter } from 'node:events'
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { receiveWindows } from '../../../shared/rpc/receive-window.ts'
import { heldBytes } from '../../../shared/runtime/held-bytes.ts'

const mebibyte = 1024 * 1024

function subject(maxHeldBytes = 256 * mebibyte) {
  const held = heldBytes({ maxHeldBytes, maxHeldShare: 1 })
  let nowMs = 0
  const windows = receiveWindows(held, () => nowMs)

  function connection() {
    let windowBytes = 65_535
    let streamWindowBytes = 65_535
    const session = Object.assign(new EventEmitter(), {
      destroyed: false,
      setLocalWindowSize: (bytes: number) => {
        windowBytes = bytes
      },
      settings: ({ initialWindowSize }: { readonly initialWindowSize: number }) => {
        streamWindowBytes = initialWindowSize
      },
    })
    return {
      /** One stream that brings so much, a frame each so many milliseconds. */
      stream(bytes: number, everyMs: number) {
        const stream = Object.assign(new EventEmitter(), { session })
        windows.watch({ stream } as unknown as ServerInterceptingCallInterface, ['peer here'])
        const frame = Buffer.alloc(16 * 1024)
        for (let sent = 0; sent < bytes; sent += frame.length, nowMs += everyMs) stream.emit('data', frame)
      },
      close: () => session.emit('close'),
      windows: () => [windowBytes, streamWindowBytes],
    }
  }
  return { held, connection }
}

test('a connection whose stream comes fast may have a mebibyte under way, which counts as held until it closes', () => {
  const { held, connection } = subject()
  const fast = connection()
  fast.stream(2 * mebibyte, 5)
  fast.stream(2 * mebibyte, 5)
  expect(fast.windows()).toEqual([mebibyte, mebibyte])
  expect(held.held()).toBe(mebibyte)
  fast.close()
  expect(held.held()).toBe(0)
})

test('one that sends now and then stays as it began', () => {
  const { held, connection } = subject()
  const slow = connection()
  slow.stream(2 * mebibyte, 100)
  expect(slow.windows()).toEqual([65_535, 65_535])
  expect(held.held()).toBe(0)
})

test('only so many are wide at once', () => {
  const { held, connection } = subject()
  const connections = Array.from({ length: 40 }, connection)
  for (const each of connections) each.stream(mebibyte, 1)
  expect(held.held()).toBe(32 * mebibyte)
  connections[0]?.close()
  connections[39]?.stream(mebibyte, 1)
  expect(connections[39]?.windows()).toEqual([mebibyte, mebibyte])
})

test('none becomes wide where there is no room for it', () => {
  const { held, connection } = subject(mebibyte / 2)
  const fast = connection()
  fast.stream(mebibyte, 1)
  expect(fast.windows()).toEqual([65_535, 65_535])
  expect(held.held()).toBe(0)
})
