// Groups the lines of a file by their second column, in memory: the demo's program whose need grows with its input.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

interface Row {
  readonly id: string
  readonly amount: number
}

const [path = ''] = process.argv.slice(2)
const rowsByKey = new Map<string, Row[]>()
for await (const line of createInterface({ input: createReadStream(path) })) {
  const [id = '', key = '', amount = ''] = line.split(',')
  const rows = rowsByKey.get(key)
  const row = { id, amount: Number(amount) }
  if (rows === undefined) rowsByKey.set(key, [row])
  else rows.push(row)
}
let largest = 0
for (const rows of rowsByKey.values()) largest = Math.max(largest, rows.length)
process.stdout.write(`${rowsByKey.size} keys, the largest has ${largest} rows\n`)
