import { deliver, HistoryError, type HistoryFormat } from './history.ts'
import { type SacctRow, sacctRows } from './sacct-rows.ts'
import { type SlurmJob, type SlurmStep, slurmJobs } from './slurm-job.ts'
import { amountsOf, parseAmount, parseClock, parseTime, parseWhole } from './values.ts'

/**
 * `sacct` of finished jobs, with their steps below them. An attempt at a job is one execution: the rows from one job row to
 * the next. Its state is the job's, its peak that of its largest step, its task the job's name.
 * Source: sacct(1).
 */
export const sacct: HistoryFormat = {
  description: 'sacct with steps (no --allocations): --parsable2, any --delimiter, or columns of fixed width',
  matches: (beginning) => {
    const header =
      beginning
        .replace(/^\uFEFF/, '')
        .trimStart()
        .split('\n')[0] ?? ''
    return (
      /^[A-Za-z]+[^A-Za-z]/.test(header) &&
      header
        .toLowerCase()
        .split(/[^a-z]+/)
        .some((name) => /^jobid(?:raw)?$/.test(name))
    )
  },
  read(sink) {
    const executionOf = slurmJobs()
    let idColumn = 'jobid'
    let job: { readonly row: SacctRow; readonly id: string; readonly steps: SlurmStep[] } | undefined
    let isFaulty = false

    function finish(): void {
      if (job === undefined || isFaulty) return
      const { row, id, steps } = job
      const amounts = amountsOf(row.field, blanks)
      const read = jobOf(row, id, steps, amounts)
      deliver(sink, row.line, amounts.problem() ?? executionOf(read))
    }

    return sacctRows({
      header(has) {
        idColumn = has('jobid') ? 'jobid' : 'jobidraw'
        for (const column of ['state', 'jobname']) {
          if (!has(column)) throw new HistoryError(`sacct output needs the field ${column}`)
        }
        if (!has('maxrss') && !has('tresusageintot')) {
          throw new HistoryError('sacct output needs the field maxrss, and the steps: no --allocations')
        }
      },
      row(row) {
        const id = row.field(idColumn)
        const [jobId = '', ...step] = id.split('.')
        if (step.length === 0) {
          finish()
          job = { row, id, steps: [] }
          isFaulty = false
        } else if (job === undefined || job.id !== jobId) {
          sink.fault(row.line, `step ${id} does not stand below its job`)
          return
        }
        const { step: read, problem } = stepOf(row, job.row, step[0] ?? 'batch')
        if (problem !== undefined && !isFaulty) {
          isFaulty = true
          sink.fault(row.line, problem)
        }
        // Without steps a job may have a peak of its own; it is no step's state.
        if (step.length > 0) job.steps.push(read)
        else if (read.peakBytes !== undefined) job.steps.push({ ...read, state: '' })
      },
      fault: sink.fault,
      end: finish,
    })
  },
}

const blanks: ReadonlySet<string> = new Set([
  'UNLIMITED',
  'Partition_Limit',
  'INVALID',
  'Unknown',
  'None',
  'N/A',
])

type Amounts = ReturnType<typeof amountsOf>

function coresOf(row: SacctRow, amounts: Amounts): number | undefined {
  const counted = ['alloccpus', 'ncpus', 'reqcpus'].map((column) => amounts.of(column, parseWhole))
  return (
    counted.find((cores) => cores !== undefined && cores > 0) ??
    tresIn(row.field('alloctres'), 'cpu', parseWhole)
  )
}

function jobOf(row: SacctRow, id: string, steps: readonly SlurmStep[], amounts: Amounts): SlurmJob {
  const { line, field } = row
  const cores = coresOf(row, amounts)
  const nodes = amounts.of('nnodes', parseWhole) ?? amounts.of('allocnodes', parseWhole) ?? 1
  const requested = amounts.of('reqmem', (text) => parseRequest(text, cores ?? 1, nodes))
  const minutes = amounts.of('timelimitraw', parseWhole)
  const limitSeconds = minutes === undefined ? amounts.of('timelimit', parseLimit) : minutes * 60
  const seconds = amounts.of('elapsedraw', parseWhole) ?? amounts.of('elapsed', parseClock)
  return {
    line,
    id,
    cluster: field('cluster'),
    name: field('jobname'),
    comment: field('comment'),
    partition: field('partition'),
    state: field('state'),
    exitCode: field('exitcode'),
    cores,
    requestedBytes: requested || tresIn(field('reqtres'), 'mem', parseMemory),
    limitMs: limitSeconds === undefined ? undefined : limitSeconds * 1000,
    elapsedMs: seconds === undefined ? undefined : seconds * 1000,
    cpuSeconds: amounts.of('totalcpu', parseClock),
    restarts: amounts.of('restarts', parseWhole),
    when: field('submit') || field('start') || field('end'),
    startedAtMs: parseTime(field('start')) ?? parseTime(field('submit')),
    endedAtUnixMs: parseTime(field('end')),
    steps,
    field: (column) => field(column.toLowerCase()),
  }
}

/**
 * MaxRSS is that of one task of the step, the largest: all of them together have TRESUsageInTot, or at most so much times
 * their number. Where neither is told, a step that may have run on several nodes has no peak that is known.
 */
function stepOf(row: SacctRow, job: SacctRow, name: string) {
  const { field } = row
  const amounts = amountsOf(field, blanks)
  const total = tresIn(field('tresusageintot'), 'mem', parseMemory)
  const ofOne = amounts.of('maxrss', parseMemory)
  const isOneTask = name === 'batch' || name === 'extern' || name === 'interactive'
  const tasks = amounts.of('ntasks', parseWhole) || (isOneTask ? 1 : undefined)
  const times = tasks ?? (maySpread(job) ? undefined : 1)
  const step: SlurmStep = {
    state: field('state'),
    peakBytes: total || (ofOne === undefined || times === undefined ? undefined : ofOne * times),
    cpuSeconds: amounts.of('totalcpu', parseClock),
  }
  return { step, problem: amounts.problem() }
}

function maySpread(job: SacctRow): boolean {
  const amounts = amountsOf(job.field, blanks)
  return (coresOf(job, amounts) ?? 1) > 1 && (amounts.of('nnodes', parseWhole) ?? 1) > 1
}

/** `cpu=4,mem=8G,node=1` */
function tresIn(text: string, name: string, parse: (text: string) => number | undefined): number | undefined {
  const entry = text.split(',').find((each) => each.startsWith(`${name}=`))
  return entry === undefined ? undefined : parse(entry.slice(name.length + 1))
}

/** Days and hours stand for themselves here, `1-00:00:00`; minutes alone too. */
const parseLimit = (text: string) => parseClock(text) ?? parseAmount(text)

const factors: Readonly<Record<string, number>> = {
  '': 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
  P: 2 ** 50,
}

/** `1234K`, `1.5G`; a number alone is bytes. */
export function parseMemory(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGTP]?)$/i.exec(text)
  return match === null ? undefined : Number(match[1]) * (factors[(match[2] ?? '').toUpperCase()] ?? 1)
}

/** `4G`, `4000Mn` a node, `2Gc` a core. Nothing asked, which Slurm writes as 0, is 0. */
export function parseRequest(text: string, cores: number, nodes: number): number | undefined {
  const per = text.at(-1)?.toLowerCase()
  const isPer = per === 'c' || per === 'n'
  const bytes = parseMemory(isPer ? text.slice(0, -1) : text)
  if (bytes === undefined) return undefined
  return per === 'c' ? bytes * cores : per === 'n' ? bytes * nodes : bytes
}
