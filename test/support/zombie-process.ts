import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { readStat } from '../../workers/typescript/procfs.ts'

/** Ends only once its parent is no shell any more, which would wait for it. */
const ending = "sh -c 'until grep -q sleep /proc/$PPID/comm; do sleep 0.01; done'"

/** The pid of a process that has ended and that its parent never waits for, for as long as the test runs. */
export async function zombieProcess(): Promise<number> {
  const parent = spawn('sh', ['-c', `${ending} & echo $!; exec sleep 60`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(line)
  while (readStat(pid)?.isZombie !== true) await sleep(5)
  return pid
}
