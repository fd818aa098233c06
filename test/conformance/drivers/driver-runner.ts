import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Operation } from '../vector.ts'

/**
 * Does with foresize-run what the lines on standard input say, one process an execution: `end` tells the command of each
 * how to end. Its path is the first argument. What it measures is its own: there is no `sample`.
 */

const [program = ''] = process.argv.slice(2)
let target = ''
let namespace = ''
const running = new Map<string, ChildProcess>()
const ending: Promise<boolean>[] = []

type Start = Extract<Operation, { op: 'start' }>

function start(id: string, { task, attempt, features, labels, allocated, estimateToken }: Start): void {
  const options = [
    ...['--profiler', target, '--namespace', namespace, '--task', task, '--execution-id', id],
    ...['--report-within', '60s', '--attempt', `${attempt ?? 1}`],
    ...Object.entries(features ?? {}).flatMap(([name, value]) => ['--feature', `${name}=${value}`]),
    ...Object.entries(labels ?? {}).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    ...(allocated?.memoryBytes === undefined ? [] : ['--memory', `${allocated.memoryBytes}`]),
    ...(allocated?.cpuCores === undefined ? [] : ['--cpu', `${allocated.cpuCores}`]),
    ...(estimateToken === undefined ? [] : ['--estimate-token', estimateToken]),
  ]
  const command = ['sh', '-c', 'read code; exit $code']
  running.set(id, spawn(program, [...options, '--', ...command], { stdio: ['pipe', 'ignore', 'pipe'] }))
}

/** Whether all of it was reported. */
async function end(id: string, outcome: string): Promise<boolean> {
  const child = running.get(id)
  if (child === undefined) throw new Error(`${id} does not run`)
  running.delete(id)
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said += chunk
  })
  child.stdin?.end(outcome === 'succeeded' ? '0\n' : '1\n')
  await once(child, 'close')
  return said === ''
}

async function perform(operation: Operation): Promise<object> {
  const each = (id: string, count: number | undefined) =>
    count === undefined ? [id] : Array.from({ length: count }, (_, i) => `${id}${i}`)
  switch (operation.op) {
    case 'worker':
      ;({ target, namespace } = operation.options)
      return {}
    case 'start': {
      const ids = each(operation.id, operation.count)
      for (const id of ids) start(id, operation)
      return { recorded: ids.length }
    }
    case 'end':
      for (const id of each(operation.id, operation.count)) ending.push(end(id, operation.outcome))
      return {}
    case 'flush':
      return { durable: (await Promise.all(ending.splice(0))).every(Boolean) }
    default:
      throw new Error(`a run has no ${operation.op}`)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await perform(JSON.parse(line)).catch((error: Error) => ({ error: error.message }))
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
for (const child of running.values()) child.kill('SIGKILL')
