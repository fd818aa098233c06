import type { Command } from './command.ts'
import { flagOf, optionTexts } from './help.ts'

/** Text that troff prints as it is. */
const literal = (text: string) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&')

/** The manual page of a command, for man(1). */
export function manPage(name: string, command: Command, version: string): string {
  const title = `foresize-${name}`
  const options = optionTexts(command).map(
    (each) => `.TP\n\\fB${literal(flagOf(each))}\\fR\n${literal(each.description)}`,
  )
  const details = command.details === undefined ? [] : ['.nf', literal(command.details.trim()), '.fi']
  return [
    `.TH "${title.toUpperCase()}" "1" "" "foresize ${version}" "foresize"`,
    '.SH NAME',
    `${literal(title)} \\- ${literal(command.summary.replace(/\.$/, ''))}`,
    '.SH SYNOPSIS',
    `.B foresize ${literal(command.usage)}`,
    '.SH DESCRIPTION',
    literal(command.summary),
    ...details,
    '.SH OPTIONS',
    ...options,
    '.SH EXIT STATUS',
    '0 done; 1 failed, the cause is on standard error; 2 the command line is wrong.',
    '',
  ].join('\n')
}

/** The page that names the others. */
export function manOverview(commands: ReadonlyMap<string, Command>, version: string): string {
  const rows = [...commands].map(
    ([name, { summary }]) => `.TP\n\\fBforesize\\-${literal(name)}\\fR(1)\n${literal(summary)}`,
  )
  return [
    `.TH "FORESIZE" "1" "" "foresize ${version}" "foresize"`,
    '.SH NAME',
    'foresize \\- sizes tasks before they run',
    '.SH SYNOPSIS',
    '.B foresize COMMAND [options]',
    '.SH COMMANDS',
    ...rows,
    '',
  ].join('\n')
}
