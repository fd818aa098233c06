import { mkdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { visibleLines } from '../shared/domain/text.ts'
import { type Command, helpOf, parseCommand, UsageError } from './command.ts'
import { clearLine } from './progress.ts'

/**
 * Halves the CPU time of a start. In the user's own folder: whoever can write there can run code as the user, so the
 * folder for temporary files, which all share, will not do. Where it cannot be made, nothing is kept.
 */
function keepCompiledCode({ XDG_CACHE_HOME: named, HOME: home }: NodeJS.ProcessEnv): void {
  const caches = named || (home && join(home, '.cache'))
  if (!caches) return
  const folder = join(caches, 'foresize')
  if (isMade(caches) && isMade(folder)) enableCompileCache(folder)
}

function isMade(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 })
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EEXIST'
  }
}

keepCompiledCode(process.env)

/** Loaded only when named: `foresize run` must start its command at once. */
const commands: Readonly<Record<string, { readonly summary: string; load(): Promise<Command> }>> = {
  up: { summary: 'start the profiler and the estimator', load: async () => (await import('./up.ts')).up },
  run: { summary: 'run a command and report what it used', load: async () => (await import('./run.ts')).run },
  'report-end': {
    summary: 'tell how a run ended that could not itself',
    load: async () => (await import('./report-end.ts')).reportEnd,
  },
  estimate: {
    summary: 'what the next run of a task needs',
    load: async () => (await import('./estimate.ts')).estimate,
  },
  confidence: {
    summary: 'whether given resources suffice',
    load: async () => (await import('./confidence.ts')).confidence,
  },
  profiles: {
    summary: 'what was learned of each task',
    load: async () => (await import('./profiles.ts')).profiles,
  },
  'import-history': {
    summary: 'learn from what other systems have logged',
    load: async () => (await import('./import-history.ts')).importHistory,
  },
  accuracy: {
    summary: 'how well the estimates of a task did',
    load: async () => (await import('./accuracy.ts')).accuracy,
  },
  doctor: {
    summary: 'check a deployment and say what to do',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  token: {
    summary: 'make a bearer token',
    load: async () => (await import('./token.ts')).token,
  },
  evaluate: {
    summary: 'what foresize would have saved on your own history',
    load: async () => (await import('./evaluate/evaluate.ts')).evaluate,
  },
  simulate: {
    summary: 'what foresize would change on a cluster that runs your history',
    load: async () => (await import('./simulate/simulate.ts')).simulate,
  },
  demo: { summary: 'watch it learn real programs', load: async () => (await import('./demo/demo.ts')).demo },
}

const help = `foresize sizes tasks before they run.

Usage: foresize COMMAND [options]

Commands:
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(16)}${summary}`)
  .join('\n')}

"foresize COMMAND --help" says more of one.
`

/** Texts of others, names of tasks among them, must not command the terminal. The line of progress may. */
const shown = (text: string) => text.split(clearLine).map(visibleLines).join(clearLine)

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  const out = (text: string) => void process.stdout.write(shown(text))
  const err = (text: string) => void process.stderr.write(shown(text))
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    out(help)
    return name === undefined ? 2 : 0
  }
  const known = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (known === undefined) {
    err(`foresize: there is no command "${name}". Known: ${Object.keys(commands).join(', ')}.\n`)
    return 2
  }
  const command = await known.load()
  try {
    const parsed = parseCommand(command, rest)
    if (parsed.values['help'] === true) {
      out(helpOf(command))
      return 0
    }
    return await command.run({ ...parsed, env: process.env, startedMs: 0, out, err })
  } catch (error) {
    if (error instanceof UsageError) {
      err(`foresize ${name}: ${error.message}\nUsage: foresize ${command.usage}\n`)
      return 2
    }
    err(`foresize ${name}: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}

const lingerMs = 100

/**
 * Ends the process at once. `process.exit` joins the thread that looks a name up, until the system gives up on it: half a
 * minute where names are not answered. A process that is replaced has no such thread.
 */
function leave(code: number): void {
  const isLookingUp = process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap')
  if (isLookingUp && process.platform !== 'win32') {
    process.execve?.('/bin/sh', ['sh', '-c', `exit ${code}`], {})
  }
  process.exit(code)
}

// A reader that has seen enough, such as head(1), is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
process.exitCode = await main(process.argv.slice(2))
// What is left then is a connection or a look-up that nobody waits for: it would hold the process long after its deadline.
setTimeout(() => leave(Number(process.exitCode)), lingerMs).unref()
