import { type Command, UsageError } from './command.ts'
import { type OptionText, optionTexts } from './help.ts'

type Commands = ReadonlyMap<string, Command>

/** Values that are names of files. */
const isPath = ({ value }: OptionText) => value === 'FILE' || value === 'FOLDER'

const scripts: Readonly<Record<string, (commands: Commands) => string>> = { bash, zsh, fish }

export const completionOf = (loadAll: () => Promise<Commands>): Command => ({
  summary: 'Prints what lets a shell complete commands and options.',
  usage: 'completion bash | zsh | fish',
  details: `
  source <(foresize completion bash)                                      in ~/.bashrc
  source <(foresize completion zsh)                                       in ~/.zshrc, after compinit
  foresize completion fish > ~/.config/fish/completions/foresize.fish
`,
  positionals: true,
  options: {},

  async run(input) {
    const [shell = '', ...more] = input.positionals
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined
    if (script === undefined || more.length > 0) {
      throw new UsageError(`name one shell: ${Object.keys(scripts).join(', ')}`)
    }
    input.out(script(await loadAll()))
    return 0
  },
})

/** One line each, `NAME) … ;;`: the options of a command, and those of them that take a value, files apart. */
function cases(commands: Commands): string {
  return [...commands]
    .map(([name, command]) => {
      const texts = optionTexts(command)
      const spelt = (which: (text: OptionText) => boolean) =>
        texts
          .filter(which)
          .map((text) => `--${text.name}`)
          .join(' ')
      const valued = spelt((text) => text.value !== undefined && !isPath(text))
      return `    ${name}) options='${spelt(() => true)}' valued='${valued}' ;;`
    })
    .join('\n')
}

function bash(commands: Commands): string {
  return `# foresize for bash: source <(foresize completion bash)
_foresize() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} options= valued=
  COMPREPLY=()
  if ((COMP_CWORD == 1)) || { ((COMP_CWORD == 2)) && [[ $previous == help ]]; }; then
    COMPREPLY=($(compgen -W '${[...commands.keys(), 'help', '--help', '--version'].join(' ')}' -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases(commands)}
  esac
  if [[ " $valued " == *" $previous "* ]]; then return; fi
  if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$current"))
  else COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _foresize foresize
`
}

function zsh(commands: Commands): string {
  return `#compdef foresize
# foresize for zsh: source <(foresize completion zsh)
_foresize() {
  local options= valued=
  if ((CURRENT == 2)) || { ((CURRENT == 3)) && [[ \${words[2]} == help ]]; }; then
    compadd -- ${[...commands.keys(), 'help', '--help', '--version'].join(' ')}
    return
  fi
  case \${words[2]} in
${cases(commands)}
  esac
  if [[ " $valued " == *" \${words[CURRENT-1]} "* ]]; then return; fi
  if [[ \${words[CURRENT]} == -* ]]; then compadd -- \${=options}; else _files; fi
}
compdef _foresize foresize
`
}

function fish(commands: Commands): string {
  const quoted = (text: string) => `'${text.replaceAll(/[\\']/g, '\\$&')}'`
  const names = [...commands].map(
    ([name, { summary }]) =>
      `complete -c foresize -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
  )
  const options = [...commands].flatMap(([name, command]) =>
    optionTexts(command).map((text) => {
      const value = text.value === undefined ? '' : isPath(text) ? ' -r -F' : ' -x'
      const short = text.short === undefined ? '' : ` -s ${text.short}`
      const when = quoted(`__fish_seen_subcommand_from ${name}`)
      return `complete -c foresize -n ${when} -l ${text.name}${short}${value} -d ${quoted(text.description)}`
    }),
  )
  return `# foresize for fish\n${[...names, ...options].join('\n')}\n`
}
