import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { HistorySink } from '../../../cli/histories/history.ts'
import { jsonElements } from '../../../cli/histories/json-elements.ts'
import { traceCsv } from '../../../cli/histories/trace-csv.ts'

/** CPU time of reading rows after a header and `first`, in milliseconds, and what was found. */
function cpuMsOf(first: string): {
  readonly ms: number
  readonly executions: number
  readonly faults: number
} {
  const found = { executions: 0, faults: 0 }
  const sink: HistorySink = {
    execution: () => found.executions++,
    skipped: () => undefined,
    fault: () => found.faults++,
  }
  const reader = traceCsv.read(sink, 'trace')
  reader.write('task,duration_ms,peak_memory_bytes,status\n')
  const before = process.threadCpuUsage().user
  reader.write(`${first}\n${'align,1000,1000000,ok\n'.repeat(rows)}`)
  reader.end()
  return { ms: (process.threadCpuUsage().user - before) / 1000, ...found }
}

const rows = 20_000

test('a quote that does not end takes no more time than the rows that it swallows would', () => {
  cpuMsOf('x,1,1,ok')
  const plain = cpuMsOf('x,1,1,ok')
  const open = cpuMsOf('"x,1,1,ok')
  expect(plain).toMatchObject({ executions: rows + 1, faults: 0 })
  expect(open.faults).toBe(1)
  expect(open.ms).toBeLessThan(plain.ms)
})

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

test('a text of any length beside the elements is passed over, and none of it kept', () => {
  const found: string[] = []
  const reader = jsonElements(
    'jobs',
    (text) => found.push(text),
    () => undefined,
  )
  const heldBytes = () => {
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  reader.write('{"comment": "')
  const before = heldBytes()
  for (let i = 0; i < 64; i++) reader.write(Buffer.alloc(2 ** 20, 97 + (i % 26)).toString('latin1'))
  expect(heldBytes() - before).toBeLessThan(2 ** 24)
  reader.write('", "jobs": [1, 2]}')
  reader.end()
  expect(found).toEqual(['1', '2'])
})
