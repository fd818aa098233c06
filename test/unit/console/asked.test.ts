import { describe, expect, test } from 'vitest'
import { csv } from '../../../console/domain/csv.ts'
import { featureGrid } from '../../../console/domain/features.ts'
import { askedOf, written } from '../../../console/pages/task/asked.ts'

const key = { namespace: 'default', task: 'sort' }
const typical = { features: { input_bytes: 2e9, threads: 4 }, labels: { tool: 'sort' } }

describe('a question', () => {
  test('is what a typical execution had, but for what the address says', () => {
    const { query, problems } = askedOf(key, typical, [
      ['task', 'sort'],
      ['f.input_bytes', '5GB'],
      ['l.tool', 'gsort'],
      ['requested', '4GiB'],
    ])
    expect(query).toMatchObject({
      features: { input_bytes: 5e9, threads: 4 },
      labels: { tool: 'gsort' },
      requested: { memoryBytes: 4 * 2 ** 30 },
    })
    expect(problems).toEqual({})
  })

  test('names the fields that cannot be read, and goes without them', () => {
    const { query, problems } = askedOf(key, typical, [
      ['f.threads', 'many'],
      ['requested', '4 apples'],
    ])
    expect(Object.keys(problems)).toEqual(['f.threads', 'requested'])
    expect(query.features).toEqual(typical.features)
    expect(query.requested).toBeUndefined()
  })

  test('is written so that it is read as it was', () => {
    expect(written('input_bytes', 5e9)).toBe('5GB')
    expect(written('threads', 4)).toBe('4')
    for (const value of [1, 999, 1500, 2.5e6, 7.25e9, 1e13]) {
      const text = written('input_bytes', value)
      expect(askedOf(key, typical, [['f.input_bytes', text]]).query.features['input_bytes']).toBe(value)
    }
  })
})

describe('the values over which a prediction is drawn', () => {
  test('reach from the least that was seen to well beyond the largest', () => {
    for (const seen of [[5, 10], [1, 1e6], [7], [-5, 20], [0, 0]]) {
      const grid = featureGrid(seen)
      expect(grid[0]).toBe(Math.min(...seen))
      expect(grid.at(-1)).toBeGreaterThan(Math.max(...seen))
      expect(grid).toEqual(grid.toSorted((a, b) => a - b))
    }
    expect(featureGrid([])).toEqual([])
  })
})

test('a saved table runs nothing in a spreadsheet and keeps its columns', () => {
  const text = csv(
    ['task', 'wasted'],
    [
      ['=cmd|x', 1.5],
      ['a,"b"\u202e', undefined],
    ],
  )
  expect(text).toBe(`task,wasted\r\n'=cmd|x,1.5\r\n"a,""b""\\u202e",\r\n`)
})
