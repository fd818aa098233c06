import { writeFileSync } from 'node:fs'
import { type CommandInput, type CommandOption, text } from './command.ts'

export const pageOption: CommandOption = {
  type: 'string',
  value: 'FILE',
  description: 'write a report with pictures; - writes it, and nothing else, to standard output',
}

/** Whether standard output is the report's alone. */
export const isPagePrinted = (input: CommandInput) => text(input, 'html') === '-'

/** Writes the page where `--html` says; what draws it is loaded only then. */
export async function writePage(input: CommandInput, page: () => Promise<string>): Promise<void> {
  const path = text(input, 'html')
  if (path === undefined) return
  if (path === '-') input.out(await page())
  else {
    writeFileSync(path, await page())
    input.err(`wrote ${path}\n`)
  }
}
