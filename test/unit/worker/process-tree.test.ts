import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { treeReader } from '../../../workers/typescript/process-tree.ts'

/** A process that has ended and that its parent never waits for. */
async function endedProcess(): Promise<number> {
  const parent = spawn('sh', ['-c', 'sh -c "exit 0" & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(line)
  while (!readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')) await sleep(10)
  return pid
}

test.runIf(process.platform === 'linux')(
  'what has ended before it was seen held nobody knows what',
  async () => {
    const usage = await treeReader(await endedProcess()).read()
    expect(usage?.processes).toBe(0)
    expect(usage).not.toHaveProperty('memoryBytes')
    expect(usage).not.toHaveProperty('peakMemoryBytes')
  },
)
