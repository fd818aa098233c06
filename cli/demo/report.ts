import type { EstimatorClient, EstimatorClientStatistics } from '../../services/scheduler/client.ts'
import { formatBytes, formatDuration } from '../../shared/domain/quantity-text.ts'
import { formatShare } from '../quantity.ts'
import { table } from '../table.ts'
import { type LedgerEntry, summarise, type TaskSummary } from './ledger.ts'
import type { DemoTask } from './workload.ts'

export function progressLine(
  ledger: readonly LedgerEntry[],
  all: number,
  cluster: { running(): number; queued(): number },
  client: EstimatorClient,
): string {
  const share = ledger.length / all
  const bar = '█'.repeat(Math.round(share * 20)).padEnd(20, '░')
  const learned = ledger.filter(({ reason }) => reason === 'learned').length
  const { requested, given } = totals(
    ledger.length === 0
      ? []
      : [...new Set(ledger.map(({ task }) => task))].map((task) => summarise(task, ledger)),
  )
  const saved = requested > 0 ? formatShare(1 - given / requested) : '–'
  return `${bar} ${ledger.length}/${all} done, ${cluster.running()} running, ${cluster.queued()} waiting · ${learned} sized by foresize · memory-time saved ${saved} · learning ${client.health().state}`
}

function totals(summaries: readonly TaskSummary[]): { readonly requested: number; readonly given: number } {
  return {
    requested: summaries.reduce((sum, { requestedByteSeconds }) => sum + requestedByteSeconds, 0),
    given: summaries.reduce((sum, { givenByteSeconds }) => sum + givenByteSeconds, 0),
  }
}

export interface Played {
  readonly tasks: readonly DemoTask[]
  readonly ledger: readonly LedgerEntry[]
  readonly calls: Pick<EstimatorClientStatistics, 'calls' | 'failedCalls' | 'cached'> & {
    /** Of the failed calls, those made while the estimator was stopped. */
    readonly failedMeanwhile: number
  }
  readonly tookMs: number
}

export function report({ tasks, ledger, calls, tookMs }: Played): string {
  const summaries = tasks.map(({ name }) => summarise(name, ledger))
  const figures = table<TaskSummary>(
    [
      { title: 'task', value: ({ task }) => task },
      { title: 'runs', align: 'right', value: ({ executions }) => String(executions) },
      { title: 'sized', align: 'right', value: ({ learned }) => String(learned) },
      { title: 'requested', align: 'right', value: (s) => formatBytes(s.requestedBytes) },
      { title: 'estimated p50', align: 'right', value: (s) => formatBytes(s.estimatedBytes) },
      { title: 'used p50', align: 'right', value: (s) => formatBytes(s.medianUsedBytes) },
      { title: 'used max', align: 'right', value: (s) => formatBytes(s.maxUsedBytes) },
      { title: 'memory-time saved', align: 'right', value: savedOf },
      { title: 'would be killed', align: 'right', value: ({ wouldBeKilled }) => String(wouldBeKilled) },
      { title: 'confidence', align: 'right', value: ({ confidence }) => formatShare(confidence) },
    ],
    summaries,
  )
  const { requested, given } = totals(summaries)
  const overall = [
    `Altogether ${gibSeconds(given)} GiB·s of memory were given where ${gibSeconds(requested)} were requested: ${formatShare(1 - given / requested)} saved,`,
    'with each run that would have been killed counted a second time, at its request.',
    `${ledger.length} runs took ${formatDuration(tookMs)}. ${callsLine(calls)}`,
  ]
  return `\n${figures}\n${overall.join('\n')}\n`
}

function callsLine({ calls, failedCalls, failedMeanwhile, cached }: Played['calls']): string {
  const failed = failedCalls - failedMeanwhile
  const line = `The estimator was asked ${calls - failedMeanwhile} times, and ${failedMeanwhile} times while it was stopped; ${cached} answers were kept ones.`
  return failed === 0 ? line : `${line} ${failed} more had no answer in time.`
}

function savedOf({ requestedByteSeconds, givenByteSeconds }: TaskSummary): string {
  const saved = requestedByteSeconds - givenByteSeconds
  return `${gibSeconds(saved)} GiB·s (${formatShare(requestedByteSeconds > 0 ? saved / requestedByteSeconds : undefined)})`
}

function gibSeconds(byteSeconds: number): string {
  return (byteSeconds / 2 ** 30).toFixed(1)
}

export function nextSteps(data: string): string {
  return `
What it has learned is kept in ${data}. Type next:

  cli/foresize up --quiet --data-dir ${data} &     # and look at http://127.0.0.1:7080/console/
  cli/foresize profiles list
  cli/foresize estimate --task sort --feature input_bytes=20MiB
  cli/foresize confidence --task build-index --feature input_bytes=8MiB --memory 200MiB
  cli/foresize run --verbose --task gzip --feature input_bytes=$(wc -c < package-lock.json) -- gzip -9 -c package-lock.json > /dev/null
  kill %1
`
}
