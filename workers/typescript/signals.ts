import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

/** What a terminal sends to every process in its foreground by itself. */
const fromTerminal: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP']

/** Passes this process's signals on, but those that a terminal has sent, until the function it returns is called. */
export function forwardSignals({
  kill,
  wasSent,
}: Readonly<Record<'kill' | 'wasSent', (signal: NodeJS.Signals) => void>>): () => void {
  const forward = (signal: NodeJS.Signals) => {
    const isThereAlready = fromTerminal.includes(signal) && isInForeground()
    if (isThereAlready) wasSent(signal)
    else kill(signal)
  }
  for (const signal of forwarded) process.on(signal, forward)
  return () => {
    for (const signal of forwarded) process.off(signal, forward)
  }
}

/** Whether a terminal's interrupt reaches our whole process group. Fields pgrp and tpgid of proc(5). */
function isInForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1')
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return group !== undefined && group === foreground
  } catch {
    return process.stdin.isTTY === true
  }
}

/** Signals that would leave a core dump of this process, which says nothing of the command. */
const dumping: readonly NodeJS.Signals[] = [
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGSYS',
]

/** Ends this process as the signal ended the command, so that its parent sees the same. Else the shell's exit code. */
export async function raise(signal: NodeJS.Signals): Promise<number> {
  if (!dumping.includes(signal)) {
    process.kill(process.pid, signal)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  return 128 + constants.signals[signal]
}
