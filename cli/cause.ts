import { getSystemErrorMap } from 'node:util'

/** What gRPC puts before the cause of a connection that cannot be made. */
const wrappings = [
  /\b(round_robin: )?No connection established\. Last error: (Error: )?/g,
  /\bName resolution failed for target /g,
  /\. Resolution note:\s*/g,
  /(?<=^|: )\d+ [A-Z_]+: /g,
  /^Error: /g,
]

const systemMessages = new Map([...getSystemErrorMap().values()])

/** `connect ECONNREFUSED 127.0.0.1:1` and the like, by what the system calls it. */
const coded = /\b(?:connect|read|write|getaddrinfo|bind|listen) (E[A-Z]+)\b/g

/** `ENOENT: no such file or directory, open '/x'`, as Node has it, by the file and the system's words. */
const ofFile = /\bE[A-Z]+: ([^,]+), \w+ '([^']*)'(?: -> '[^']*')?/g

/** What went wrong, in one line for a person: the cause, without the words of the libraries it came through. */
export function causeOf(error: unknown): string {
  return inWords(error instanceof Error ? error.message : String(error))
}

/** The same for a text that a library made. */
export function inWords(message: string): string {
  const bare = wrappings.reduce((text, wrapping) => text.replaceAll(wrapping, ''), message)
  return bare
    .replaceAll(ofFile, (_, why: string, path: string) => `${path}: ${why}`)
    .replaceAll(/(?<=^|: )dns:(\S+)$/g, 'no address is known for $1')
    .replaceAll(coded, (whole, code: string) => systemMessages.get(code) ?? whole)
    .replaceAll(/(\S+): \1: /g, '$1: ')
    .trim()
}
