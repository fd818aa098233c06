import { type Column, table } from '../../cli/table.ts'
import { type Assessment, assess } from './assessment.ts'
import { schedulers } from './index.ts'
import { type Scheduler, startPairWithGateway } from './scheduler.ts'

/**
 * Real schedulers with foresize beside them: tasks learned, tasks sized, killed, and the memory-time that was given against
 * what was requested and needed. `make test-schedulers`; SCHEDULERS=slurm,nextflow picks.
 */

interface Row extends Assessment {
  readonly name: string
  readonly version: string
}

const say = (line: string) => process.stdout.write(`${line}\n`)
const asked = (process.env['SCHEDULERS'] ?? '').split(',').filter((name) => name !== '')
const known = schedulers.map(({ name }) => name)
const unknown = asked.filter((name) => !known.includes(name))
if (unknown.length > 0) throw new Error(`SCHEDULERS: no ${unknown.join(', ')}; there is ${known.join(', ')}`)

const rows: Row[] = []
const notRun: string[] = []
for (const scheduler of schedulers) {
  if (asked.length > 0 && !asked.includes(scheduler.name)) continue
  const reason = await scheduler.notRun()
  if (reason === undefined) rows.push(await tried(scheduler))
  else notRun.push(`NOT RUN: ${scheduler.name}: ${reason}`)
}

const columns: readonly Column<Row>[] = [
  { title: 'scheduler', value: ({ name }) => name },
  { title: 'version', value: ({ version }) => version },
  { title: 'learned', align: 'right', value: ({ learned }) => `${learned}` },
  { title: 'sized', align: 'right', value: ({ sized }) => `${sized}` },
  { title: 'killed', align: 'right', value: ({ killed }) => `${killed}` },
  { title: 'needed', align: 'right', value: ({ needed }) => `${needed.toFixed(2)} GB·s` },
  { title: 'requested', align: 'right', value: ({ requested }) => `${requested.toFixed(2)} GB·s` },
  { title: 'given', align: 'right', value: ({ given }) => `${given.toFixed(2)} GB·s` },
  { title: 'waste left', align: 'right', value: wasteLeft },
  { title: 'foresize away', align: 'right', value: ({ away }) => `${away} completed` },
  { title: '', value: ({ faults }) => (faults.length === 0 ? 'ok' : 'FAILED') },
]
if (rows.length > 0) say(`\n${table(columns, rows)}`)
for (const { name, faults } of rows) for (const fault of faults) say(`FAILED: ${name}: ${fault}`)
for (const line of notRun) say(line)
say(`${rows.length} schedulers run, ${notRun.length} not run`)
const lacksAsked = asked.length > 0 && notRun.length > 0
if (rows.length === 0 || lacksAsked || rows.some(({ faults }) => faults.length > 0)) process.exitCode = 1

async function tried(scheduler: Scheduler): Promise<Row> {
  const { name } = scheduler
  say(`${name}: starting`)
  const pair = await startPairWithGateway()
  try {
    const outcome = await scheduler.run(pair)
    return { name, version: outcome.version, ...assess(outcome) }
  } catch (error) {
    const nothing = assess({ version: '', attempts: [] })
    return { name, version: '', ...nothing, faults: [error instanceof Error ? `${error.stack}` : `${error}`] }
  } finally {
    await pair.stop()
  }
}

/** What was given beyond the need, of what was requested beyond it. */
function wasteLeft({ needed, requested, given }: Assessment): string {
  return requested > needed ? `${Math.round((100 * (given - needed)) / (requested - needed))} %` : ''
}
