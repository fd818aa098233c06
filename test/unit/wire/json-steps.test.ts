import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { atOnce } from '../../../shared/domain/at-once.ts'
import { readJson } from '../../../shared/wire/json-steps.ts'
import { jsonText, objectPieces } from '../../../shared/wire/json-text.ts'
import { pieceBytes } from '../../../shared/wire/message-pieces.ts'

const read = (text: string) => atOnce(readJson(Buffer.from(text)))

/** Of so many entries that the list is cut. */
const long = (entry: unknown) => Array.from({ length: 400 }, (_, i) => ({ i, entry, text: 'x'.repeat(100) }))

const anyObject = fc.dictionary(
  fc.constantFrom('a', 'b', '__proto__', 'x"y', 'λ'),
  fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.jsonValue({ maxDepth: 2 }).map(long),
    fc.record({ within: fc.jsonValue({ maxDepth: 1 }).map(long), other: fc.jsonValue() }),
  ),
)

describe('JSON that is parsed in steps', () => {
  test('is what JSON.parse gives, however it is spaced', () => {
    fc.assert(
      fc.property(anyObject, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, undefined, space)
        expect(JSON.stringify(read(text))).toBe(JSON.stringify(JSON.parse(text)))
      }),
      { numRuns: 100 },
    )
    expect(read(JSON.stringify(long([1])))).toEqual(long([1]))
  })

  test('takes more steps than one for a list of two pieces', () => {
    const steps = [...readJson(Buffer.from(JSON.stringify({ list: long('x') })))]
    expect(steps.length).toBeGreaterThan(1)
  })

  test('is no more than JSON.parse takes, wherever a character is lost, doubled or another', () => {
    const text = JSON.stringify({ before: 1, list: long([{ a: '[' }]), after: { list: [1, 2] } })
    const anyChange = fc.constantFrom('', '[', ']', '{', '}', ',', ':', '"', '\\', '0', ' ', ',,')
    const outcome = (parse: (text: string) => unknown) => {
      try {
        return JSON.stringify(parse(text))
      } catch {
        return 'refused'
      }
    }
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(1), anyChange, (at, removed, change) => {
        const changed = text.slice(0, at) + change + text.slice(at + removed)
        expect(outcome(() => read(changed))).toBe(outcome(() => JSON.parse(changed)))
      }),
      { numRuns: 1000 },
    )
  })

  test.each([
    ['a comma too many at the end', (list: string) => `{"list":${list.slice(0, -1)},]}`],
    ['a comma too many at the beginning', (list: string) => `{"list":[,${list.slice(1)}}`],
    ['what follows', (list: string) => `{"list":${list}} 1`],
    ['a bracket of another kind', (list: string) => `{"list":${list.slice(0, -1)}}}`],
  ])('is refused for %s', (_, textOf) => {
    expect(() => read(textOf(JSON.stringify(long(1))))).toThrow(SyntaxError)
  })

  test('has the last of several lists of one name', () => {
    const [first, last] = [long(1), long(2)].map((list) => JSON.stringify(list))
    expect(read(`{"list":${first},"list":${last}}`)).toEqual({ list: long(2) })
    expect(read(`{"list":${first},"list":[3]}`)).toEqual({ list: [3] })
  })

  test.each([
    ['an entry', `[${JSON.stringify(Array.from({ length: 17_000 }, () => 1))}]`],
    [
      'what is beside the lists',
      JSON.stringify(Object.fromEntries(Array.from({ length: 17_000 }, (_, i) => [`name ${i}`, 1]))),
    ],
  ])('is refused where %s would take a turn too long', (_, text) => {
    expect(() => read(text)).toThrow(/an entry of the JSON has more than 16,384 fields/)
  })
})

test('the parts of a text are what JSON.stringify gives', () => {
  fc.assert(
    fc.property(anyObject, (value) => {
      const parts = [...jsonText(value)]
      expect(parts.join('')).toBe(JSON.stringify(value))
      for (const part of parts) expect(part.length).toBeLessThan(4 * pieceBytes)
    }),
    { numRuns: 100 },
  )
})

test('the pieces of an object are the object, and its lists come in parts', () => {
  fc.assert(
    fc.property(anyObject, (value) => {
      const joined: Record<string, unknown> = Object.create(null)
      for (const piece of objectPieces(value)) {
        for (const [name, inner] of Object.entries(piece as object)) {
          const before = joined[name]
          if (Array.isArray(before)) before.push(...(inner as unknown[]))
          else joined[name] = inner
        }
      }
      const inOrder = (object: object) =>
        JSON.stringify(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))
      expect(inOrder(joined)).toBe(inOrder(value))
    }),
    { numRuns: 100 },
  )
})

test('a text that is no Unicode is named by its place in the whole list', () => {
  const texts = Array.from({ length: 2000 }, (_, i) => `"${i === 1900 ? '\\ud800' : 'x'.repeat(100)}"`)
  const json = Buffer.from(`{"list":[${texts.join()}]}`)
  expect(() => atOnce(readJson(json))).toThrow(
    expect.objectContaining({ violations: [expect.objectContaining({ field: 'list[1900]' })] }),
  )
})
