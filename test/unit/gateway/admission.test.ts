import { Code, type ConnectError } from '@connectrpc/connect'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAdmission } from '../../../services/gateway/admission.ts'
import { heldBytes } from '../../../shared/runtime/held-bytes.ts'

const share = { maxHeldShare: 0.5 }

test('what calls took is given back once all are closed, whatever they did and in any order', () => {
  const step = fc.record({
    call: fc.nat(5),
    act: fc.constantFrom('admit', 'receive', 'sending', 'sent', 'close'),
    bytes: fc.nat(100_000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const held = heldBytes({ maxHeldBytes: 400_000, ...share })
      const admission = createAdmission(
        { maxConcurrentCalls: 4, maxCallsPerSecondPerPeer: 0, ...share },
        held,
      )
      const calls = Array.from({ length: 6 }, (_, i) => admission.open(i % 2 === 0 ? 'one' : 'two'))
      const sending = calls.map(() => 0)
      for (const { call, act, bytes } of steps) {
        const it = calls[call] as (typeof calls)[number]
        const part = act === 'sent' ? Math.min(bytes, sending[call] ?? 0) : bytes
        try {
          if (act === 'admit' || act === 'close') it[act]()
          else it[act](part)
          if (act === 'sending') sending[call] = (sending[call] ?? 0) + part
          if (act === 'sent') sending[call] = (sending[call] ?? 0) - part
        } catch (error) {
          expect([Code.ResourceExhausted, Code.Canceled]).toContain((error as ConnectError).code)
        }
        expect(held.held()).toBeGreaterThanOrEqual(0)
      }
      for (const call of calls) call.close()
      expect([held.held(), admission.calls()]).toEqual([0, 0])
    }),
  )
})

test('one address has its share of the calls, others have the rest', () => {
  const held = heldBytes({ maxHeldBytes: 1e9, ...share })
  const admission = createAdmission({ maxConcurrentCalls: 4, maxCallsPerSecondPerPeer: 0, ...share }, held)
  const open = (peer: string) => {
    const call = admission.open(peer)
    call.admit()
    return call
  }
  const [first] = [open('one'), open('one')]
  expect(() => open('one')).toThrow(/this address \(max_held_share of max_concurrent_calls, 2\)/)
  open('two')
  open('two')
  expect(() => open('three')).toThrow(/at once \(max_concurrent_calls, 4\)/)
  expect(admission.refused()).toBe(2)
  first?.close()
  expect(() => open('three')).not.toThrow()
})
