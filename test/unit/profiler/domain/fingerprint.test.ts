import { expect, test } from 'vitest'
import { fingerprint } from '../../../../services/profiler/domain/fingerprint.ts'

test.each([
  ['', 3338908027751811],
  ['a', 7929297801672961],
  ['b', 8684336938537663],
  ['execution-1', 3392082666724065],
  ['é💡', 6082544531735218],
])('stored profiles know the execution %j by its fingerprint', (id, known) => {
  expect(fingerprint(id)).toBe(known)
})

test('a hundred thousand ids in a row have as many fingerprints, all exact in a double', () => {
  const prints = Array.from({ length: 100_000 }, (_, i) => fingerprint(`execution-${i}`))
  expect(new Set(prints).size).toBe(prints.length)
  expect(prints.every(Number.isSafeInteger)).toBe(true)
})
