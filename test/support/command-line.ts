import { type Command, parseCommand } from '../../cli/command.ts'

/** Runs a subcommand in this process, as main.ts does, and returns what it wrote. */
export async function runCommand(
  command: Command,
  args: readonly string[],
  width?: number,
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let out = ''
  let err = ''
  const code = await command.run({
    ...parseCommand(command, args),
    env: {},
    startedMs: performance.now(),
    width,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err }
}
