import { visibleLines } from '../shared/domain/text.ts'
import { version } from '../shared/runtime/version.ts'
import { causeOf } from './cause.ts'
import { parseCommand, UsageError } from './command.ts'
import { commandNamed, commands } from './commands.ts'
import { helpOf } from './help.ts'
import { clearLine } from './progress.ts'

const overview = `foresize sizes tasks before they run.

Usage: foresize COMMAND [options]

Commands:
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(16)}${summary}`)
  .join('\n')}

"foresize help COMMAND" says more of one, "foresize --version" which this is.
`

/** Texts of others, names of tasks among them, must not command the terminal. The line of progress may. */
const shown = (text: string) => text.split(clearLine).map(visibleLines).join(clearLine)

function showVersion(out: (text: string) => void): number {
  out(`foresize ${version}\n`)
  return 0
}

async function main(args: readonly string[]): Promise<number> {
  const out = (text: string) => void process.stdout.write(shown(text))
  const err = (text: string) => void process.stderr.write(shown(text))
  if (args[0] === '--version' || args[0] === '-V') return showVersion(out)
  // `help COMMAND` is `COMMAND --help`.
  const isHelp = args[0] === 'help' || args[0] === '--help' || args[0] === '-h'
  const [name, ...rest] = isHelp && args[1] !== undefined ? [args[1], '--help'] : args
  if (name === undefined || (isHelp && args[1] === undefined)) {
    out(overview)
    return name === undefined ? 2 : 0
  }
  const known = commandNamed(name)
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
    if (parsed.values['version'] === true) return showVersion(out)
    const width = process.stdout.isTTY ? process.stdout.columns : undefined
    return await command.run({ ...parsed, env: process.env, startedMs: 0, width, out, err })
  } catch (error) {
    err(`foresize ${name}: ${causeOf(error)}\n`)
    if (!(error instanceof UsageError)) return 1
    err(`Usage: foresize ${command.usage}\n`)
    return 2
  }
}

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
  process.stderr.write(`foresize: standard output: ${error.message}\n`)
  process.exit(1)
})
const exitCode = await main(process.argv.slice(2))
// What is left then is a connection or a look-up that nobody waits for: it would hold the process long after its deadline.
const isWritten = (stream: NodeJS.WriteStream) =>
  new Promise<void>((resolve) => stream.write('', () => resolve()))
await Promise.all([process.stdout, process.stderr].map(isWritten))
leave(exitCode)
