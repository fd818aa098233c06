import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromFileName, toFileName } from '../../../../services/profiler/stores/file-name.ts'
import { anyText } from '../../../support/arbitraries.ts'

const anyTask = fc.oneof(
  anyText,
  fc.constantFrom('.', '..', 'a/b', 'CON', 'a~b', '%', '^', ' x', 'x'.repeat(256), 'Ä'.repeat(128)),
)

test('a name comes back from its file, or the file does not say', () => {
  fc.assert(
    fc.property(anyTask, (name) => {
      const read = fromFileName(toFileName(name))
      expect(read === undefined || read === name).toBe(true)
      if (Buffer.byteLength(name) < 50) expect(read).toBe(name)
    }),
  )
})

test('different names are different files, on file systems that ignore case too', () => {
  fc.assert(
    fc.property(anyTask, anyTask, (a, b) => {
      if (a !== b) expect(toFileName(a).toLowerCase()).not.toBe(toFileName(b).toLowerCase())
    }),
  )
  expect(toFileName('Align').toLowerCase()).not.toBe(toFileName('align').toLowerCase())
})

test('no name leaves its folder, hides, or is too long', () => {
  fc.assert(
    fc.property(anyTask, (name) => {
      expect(toFileName(name)).toMatch(/^[a-z0-9_%^-][a-z0-9._%^~-]*$/)
      expect(toFileName(name).length).toBeLessThanOrEqual(180)
    }),
  )
})
