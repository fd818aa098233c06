import { basename } from 'node:path'

/** Options of a program that have a value in the next word, and how many words stand before the command that it runs. */
interface Wrapper {
  readonly valued?: readonly string[]
  readonly operands?: number
}

/** Programs that run another one: the work is the other's. */
const wrappers: Readonly<Record<string, Wrapper>> = {
  chrt: { operands: 1 },
  doas: { valued: ['-u'] },
  env: { valued: ['-u', '-C', '--unset', '--chdir'] },
  gosu: { operands: 1 },
  ionice: { valued: ['-c', '-n', '--class', '--classdata'] },
  linux32: {},
  linux64: {},
  nice: { valued: ['-n', '--adjustment'] },
  nohup: {},
  numactl: { valued: ['-m', '-N', '-C', '-i', '-p'] },
  setarch: { operands: 1 },
  setsid: {},
  stdbuf: { valued: ['-i', '-o', '-e'] },
  sudo: { valued: ['-u', '-g', '-C', '-D'] },
  taskset: { operands: 1 },
  time: { valued: ['-f', '-o'] },
  timeout: { valued: ['-k', '-s', '--kill-after', '--signal'], operands: 1 },
  'xvfb-run': { valued: ['-n', '-s', '-e', '-w'] },
}

/** Programs that run a script: the work is the script's. By their options with a value in the next word. */
const interpreters: Readonly<Record<string, readonly string[]>> = {
  bash: ['-O', '-o', '--rcfile', '--init-file'],
  dash: ['-o'],
  dotnet: [],
  java: ['-cp', '-classpath', '--class-path', '-p', '--module-path'],
  julia: ['-J', '-t', '-p', '--threads', '--project'],
  ksh: ['-o'],
  lua: ['-l'],
  mono: [],
  node: ['-r', '--require', '--import', '--loader'],
  perl: ['-I', '-M'],
  php: ['-d', '-c'],
  pypy: ['-W', '-X'],
  python: ['-W', '-X'],
  r: [],
  rscript: [],
  ruby: ['-I', '-r'],
  sh: ['-o'],
  zsh: ['-o'],
}

/** What names the script itself. */
const namesScript: ReadonlySet<string> = new Set(['-m', '-jar', '-f', '--file'])
/** Behind these stands a text that is run, not a name. */
const holdsScript: ReadonlySet<string> = new Set(['-c', '-e', '-E', '-lc', '-ic', '--eval', '-p', '--print'])
/** Words of a program that stand before the script. */
const verbs: ReadonlySet<string> = new Set(['exec', 'run'])

/** `python3.12` is Python. */
const plainName = (word: string) =>
  basename(word)
    .toLowerCase()
    .replace(/(?<![\d.])[\d.]+$/, '')

/**
 * What a command is called by the work that it does: its first word that neither wraps another command nor interprets a
 * script, without folder. What cannot be told is called by the last such word.
 */
export function commandName(command: string): string {
  const words = command.trim().split(/\s+/)
  let name = basename(words[0] ?? '')
  for (let at = 0; at < words.length; ) {
    const word = words[at] ?? ''
    name = basename(word)
    const wrapper = Object.hasOwn(wrappers, name) ? wrappers[name] : undefined
    if (wrapper !== undefined) {
      const { valued = [] } = wrapper
      at = skipOptions(words, skipOptions(words, at + 1, valued) + operandsOf(words, at, wrapper), valued)
      while (/^[A-Za-z_]\w*=/.test(words[at] ?? '')) at++
      continue
    }
    const options = interpreters[plainName(word)]
    if (options === undefined || !Object.hasOwn(interpreters, plainName(word))) return name
    return scriptOf(words, at + 1, options) ?? name
  }
  return name
}

/** `setarch -R sort` leaves the architecture out, `setarch x86_64 -R sort` does not. */
function operandsOf(words: readonly string[], at: number, { operands = 0 }: Wrapper): number {
  const isBare = basename(words[at] ?? '') === 'setarch' && (words[at + 1] ?? '').startsWith('-')
  return isBare ? 0 : operands
}

function skipOptions(words: readonly string[], from: number, valued: readonly string[]): number {
  let at = from
  while ((words[at] ?? '').startsWith('-')) {
    const word = words[at++] ?? ''
    if (word === '--') break
    if (valued.includes(word)) at++
  }
  return at
}

function scriptOf(words: readonly string[], from: number, valued: readonly string[]): string | undefined {
  for (let at = from; at < words.length; at++) {
    const word = words[at] ?? ''
    if (namesScript.has(word)) return basename(words[at + 1] ?? '') || undefined
    if (holdsScript.has(word)) return undefined
    if (valued.includes(word)) at++
    else if (!word.startsWith('-') && !verbs.has(word)) return basename(word)
  }
  return undefined
}
