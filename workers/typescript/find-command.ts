import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

/** Why a command cannot be executed, as execvp(3) finds it: the name of the error; undefined where it is there. */
export function refusalOf({
  command,
  cwd = process.cwd(),
  env = process.env,
}: {
  readonly command: string
  readonly cwd?: string | undefined
  readonly env?: NodeJS.ProcessEnv | undefined
}): 'ENOENT' | 'EACCES' | undefined {
  if (process.platform === 'win32') return undefined
  const folders = command.includes('/') ? [''] : (env['PATH'] ?? '').split(delimiter)
  let refused: 'ENOENT' | 'EACCES' = 'ENOENT'
  for (const folder of folders) {
    const path = resolve(cwd, join(folder, command))
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) continue
    try {
      accessSync(path, constants.X_OK)
      return undefined
    } catch {
      refused = 'EACCES'
    }
  }
  return refused
}
