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

  function connection(tenant = 'a') {
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
        const call = { stream } as unknown as ServerInterceptingCallInterface
        windows.watch(call, [`peer of ${tenant}`, `tenant ${tenant}`])
        const goOn = (bytes: number) => {
          const frame = Buffer.alloc(16 * 1024)
          for (let sent = 0; sent < bytes; sent += frame.length, nowMs += everyMs) stream.emit('data', frame)
        }
        goOn(bytes)
        return goOn
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

const isWide = ({ windows }: { windows: () => readonly number[] }) =>
  windows().every((bytes) => bytes === mebibyte)

test('only so many are wide at once, half of them of one tenant', () => {
  const { held, connection } = subject()
  const connections = ['a', 'b', 'c'].flatMap((tenant) =>
    Array.from({ length: 20 }, () => connection(tenant)),
  )
  for (const each of connections) each.stream(mebibyte, 1)
  expect(connections.filter(isWide)).toHaveLength(32)
  expect(connections.slice(0, 20).filter(isWide)).toHaveLength(16)
  expect(connections.slice(20, 40).filter(isWide)).toHaveLength(16)
  expect(held.held()).toBe(32 * mebibyte)
})

test('a stream for which there is no place has one once another connection closes', () => {
  const { connection } = subject()
  const connections = Array.from({ length: 16 }, () => connection())
  for (const each of connections) each.stream(mebibyte, 1)
  const late = connection()
  const goOn = late.stream(mebibyte, 1)
  expect(isWide(late)).toBe(false)
  connections[0]?.close()
  goOn(mebibyte)
  expect(isWide(late)).toBe(true)
})

test('none becomes wide where there is no room for it', () => {
  const { held, connection } = subject(mebibyte / 2)
  const fast = connection()
  fast.stream(mebibyte, 1)
  expect(fast.windows()).toEqual([65_535, 65_535])
  expect(held.held()).toBe(0)
})
