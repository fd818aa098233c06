import { expect, test } from 'vitest'
import { commandName } from '../../cli/histories/command-name.ts'
import { formats } from '../../cli/histories/formats.ts'
import type { HistorySink } from '../../cli/histories/history.ts'
import { parseQuantity } from '../../services/kubernetes/domain/quantity.ts'
import { taskIdentityOf } from '../../services/kubernetes/domain/task-identity.ts'
import { podOf } from './kubernetes/pods.ts'

/** Texts that others write: an annotation has up to 256 KiB, an entry of a log a million characters. */

const ignore = () => undefined
const sink: HistorySink = { execution: ignore, skipped: ignore, fault: ignore }

function logOf(format: string) {
  return (text: string) => {
    const reader = formats[format]?.read(sink, 'log')
    reader?.write(text)
    reader?.end()
  }
}
const sacctHeader = 'JobID|JobName|State|Comment|ElapsedRaw|MaxRSS|Start|End\n'
const sacct = (name: string, comment: string) =>
  `${sacctHeader}1|${name}|COMPLETED|${comment}|5|1K|2024-01-01T00:00:00|2024-01-01T00:00:05\n`
const argoPod = (node: string) =>
  podOf(
    { kind: 'Workflow', name: 'w', apiVersion: 'argoproj.io/v1alpha1' },
    {
      labels: { 'workflows.argoproj.io/workflow': 'w' },
      annotations: { 'workflows.argoproj.io/node-name': node },
    },
  )

test.each<readonly [what: string, read: (text: string) => unknown, of: (length: number) => string]>([
  ['a quantity', parseQuantity, (length) => `${'1'.repeat(length)}x`],
  [
    "the name of an Argo workflow's node",
    (text) => taskIdentityOf(argoPod(text), 'tasks'),
    (length) => '('.repeat(length),
  ],
  ['a command', commandName, (length) => `${'1'.repeat(length)}x`],
  [
    'a record of PBS',
    logOf('pbs'),
    (length) => `01/01/2024 00:00:00;E;1;${'a'.repeat(length)} end=1 start=1\n`,
  ],
  ["a comment of Slurm's", logOf('sacct'), (length) => sacct('a', 'a'.repeat(length))],
  ["a name of Slurm's", logOf('sacct'), (length) => sacct(`nf-a${'_('.repeat(length / 2)}\nx`, 'c')],
  ["a ruler below Slurm's header", logOf('sacct'), (length) => `${sacctHeader}${'-'.repeat(length)}x\n`],
  [
    'an event of HTCondor',
    logOf('htcondor'),
    (length) => `005 (1.0.0) 2024-01-01 00:00:00 Job terminated.\n${'\n'.repeat(length / 2)}\n...\n`,
  ],
  [
    'an event of HTCondor as XML',
    logOf('htcondor-xml'),
    (length) => `<c>\n<a n="LogNotes"><s>${'&a'.repeat(length / 4)}\n${'<a n="'.repeat(length / 16)}\n</c>\n`,
  ],
  [
    'lines like those of time -p',
    logOf('time'),
    (length) => `${'real 1\nuser 1\n'.repeat(length / 14)}real 1\nuser 1\nsys 0\n`,
  ],
])('%s is read in a time that grows as its length', (_, read, of) => {
  const cpuMs = (text: string) => {
    const before = process.threadCpuUsage().user
    read(text)
    return (process.threadCpuUsage().user - before) / 1000
  }
  const [short, long] = [of(40_000), of(160_000)]
  cpuMs(short)
  expect(cpuMs(long)).toBeLessThan(10 * cpuMs(short) + 100)
})
