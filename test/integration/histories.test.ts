import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PastExecution } from '../../cli/histories/history.ts'
import { readNaming } from '../../cli/histories/naming.ts'
import { readHistory } from '../../cli/histories/read-history.ts'

/** Files as they are: zipped, cut off, larger than memory. */

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-histories-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const root = join(import.meta.dirname, '..', '..')
const settings = { format: undefined, naming: readNaming({ values: {} }) }
const header = 'JobID|JobName|State|ElapsedRaw|TotalCPU|MaxRSS|ReqMem|AllocCPUS|End|SubmitLine\n'
const jobRows = (i: number) =>
  `${i}|task-${i % 50}|COMPLETED|${60 + (i % 9)}|00:50||4G|2|2024-01-01T00:00:00|sbatch --wrap zcat in | sort\n` +
  `${i}.batch|batch|COMPLETED|60|00:50|${1000 + i}K|||2024-01-01T00:00:00|\n`
const table = (jobs: number) => header + Array.from({ length: jobs }, (_, i) => jobRows(i)).join('')

async function read(path: string) {
  const executions: PastExecution[] = []
  const tally = await readHistory(path, settings, (execution) => {
    executions.push(execution)
    return true
  })
  return { executions, tally }
}

test('a gzipped file is what it is unzipped', async () => {
  const [plain, zipped] = [join(folder, 'jobs.txt'), join(folder, 'jobs.txt.gz')]
  writeFileSync(plain, table(2000))
  writeFileSync(zipped, gzipSync(table(2000)))
  const { executions, tally } = await read(plain)
  expect(tally).toMatchObject({ executions: 2000, memory: 2000, cpu: 2000, time: 2000, unreadable: 0 })
  expect((await read(zipped)).executions).toEqual(executions)
})

test('a zipped file that is cut off is named', async () => {
  const path = join(folder, 'cut.txt.gz')
  writeFileSync(path, gzipSync(table(2000)).subarray(0, 5000))
  await expect(read(path)).rejects.toThrow(/cut\.txt\.gz: unexpected end of file/)
  await expect(read(join(folder, 'none'))).rejects.toThrow(/none: ENOENT/)
})

test('a column that no entry has is told, since its feature is in none', async () => {
  const path = join(folder, 'columns.txt')
  writeFileSync(path, table(20))
  const naming = readNaming({ values: { 'feature-from': ['cores=AllocCPUS', 'size=InputSize'] } })
  const found: PastExecution[] = []
  const tally = await readHistory(
    path,
    { format: undefined, naming },
    (execution) => found.push(execution) > 0,
  )
  expect(found[0]?.features).toEqual({ cores: 2 })
  expect(tally.reasons).toEqual([`${path}: no entry has a value in InputSize, of --feature-from`])
})

test('reading stops where no more is wanted', async () => {
  const path = join(folder, 'long.txt')
  writeFileSync(path, table(20_000))
  let count = 0
  const tally = await readHistory(path, settings, () => ++count < 5)
  expect([count, tally.executions]).toEqual([5, 5])
})

test('while a long file is read others have their turns', async () => {
  const path = join(folder, 'turns.txt')
  writeFileSync(path, table(20_000))
  let [turns, isDone] = [0, false]
  const count = () => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  await read(path)
  isDone = true
  // Each turn reads 16 KiB, or as little more as goes into its slice.
  expect(turns).toBeGreaterThan(20)
})

test('a file is read in memory that does not grow with it', async () => {
  const path = join(folder, 'large.txt')
  writeFileSync(path, table(100_000))
  const sources = join(root, 'cli', 'histories')
  const script = `
    import { readNaming } from '${sources}/naming.ts'
    import { readHistory } from '${sources}/read-history.ts'
    const naming = readNaming({ values: {} })
    const tally = await readHistory('${path}', { format: undefined, naming }, () => true)
    console.log(JSON.stringify(tally))`
  // A heap of less than what the file has as text, rows or executions.
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--max-old-space-size=16',
    '--input-type=module',
    '--eval',
    script,
  ])
  expect(JSON.parse(stdout)).toMatchObject({ executions: 100_000, unreadable: 0 })
})
