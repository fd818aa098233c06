import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { type CommandInput, text } from './command.ts'

/** Where what was learned is kept: in one place, whatever folder a command is called in. */
export function dataFolderOf(input: CommandInput): string {
  const named = text(input, 'data-dir')
  if (named !== undefined) return resolve(named)
  const { XDG_DATA_HOME: data = '', HOME: home = homedir() } = input.env
  return join(isAbsolute(data) ? data : join(home, '.local', 'share'), 'foresize')
}

/** Before 0.2 profiles were kept below the folder that `foresize up` was called in. */
export function earlierFolder(input: CommandInput): string | undefined {
  const folder = resolve('.foresize')
  const isNamed = text(input, 'data-dir') !== undefined
  return !isNamed && existsSync(join(folder, 'lock')) ? folder : undefined
}
