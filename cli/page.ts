import { writeFileSync } from 'node:fs'
import { type CommandInput, type CommandOption, text } from './command.ts'

export const pageOption: CommandOption = {
  type: 'string',
  value: 'FILE',
  description: 'write a report with pictures; - writes it, and nothing else, to standard output',
}

/** Whether standard output is the report's alone. */
export const isPagePrinted = (input: CommandInput) => text(input, 'html') === '-'

/** Writes the page where `--html` says. */
export function writePage(input: CommandInput, page: () => string): void {
  const path = text(input, 'html')
  if (path === undefined) return
  if (path === '-') input.out(page())
  else {
    writeFileSync(path, page())
    input.err(`wrote ${path}\n`)
  }
}
