import { type Command, InvalidArgumentError } from 'commander'
import { called, KIND_NAMES } from '../api/kinds.ts'
import { examples } from './globals.ts'
import { print } from './terminal.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('Print a script that completes commands and options in a shell')
    .argument('<shell>', SHELLS.join(', '), (text): Shell => {
      const shell = SHELLS.find((one) => one === text)
      if (shell === undefined) throw new InvalidArgumentError(`Expected ${SHELLS.join(', ')}.`)
      return shell
    })
    .addHelpText(
      'after',
      examples(
        ['source <(backstitch completion bash)', 'this shell'],
        ['backstitch completion fish > ~/.config/fish/completions/backstitch.fish', 'every fish'],
      ),
    )
    .action((shell: Shell) => print(script(shell, wordsOf(program))))
}

/** What may follow, by the commands so far: `` → get, describe…; `client` → login, run…. */
function wordsOf(command: Command, at = ''): [string, string[]][] {
  const options = command.options.map((option) => option.long).filter((long) => long !== undefined)
  const kinds = ['get', 'describe', 'delete'].includes(at)
    ? KIND_NAMES.map((kind) => called(kind).plural)
    : []
  const names = command.commands.map((child) => child.name())
  return [
    [at, [...names, ...kinds, ...options, '--help']],
    ...command.commands.flatMap((child) => wordsOf(child, `${at} ${child.name()}`.trim())),
  ]
}

function script(shell: Shell, words: [string, string[]][]): string {
  if (shell === 'fish') return fish(words)
  const cases = words.map(([at, next]) => `    '${at}') words='${next.join(' ')}' ;;`).join('\n')
  const bash = `_backstitch() {
  local at='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) at="\${at:+$at }$word" ;; esac
  done
  case $at in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _backstitch backstitch`
  return shell === 'bash' ? bash : `autoload -U +X bashcompinit && bashcompinit\n${bash}`
}

function fish(words: [string, string[]][]): string {
  return words
    .flatMap(([at, next]) => {
      const parts = at.split(' ').filter((part) => part !== '')
      const condition =
        parts.length === 0
          ? '__fish_use_subcommand'
          : parts.map((part) => `__fish_seen_subcommand_from ${part}`).join('; and ')
      const plain = next.filter((word) => !word.startsWith('-'))
      const options = next.filter((word) => word.startsWith('--')).map((word) => word.slice(2))
      return [
        ...(plain.length === 0
          ? []
          : [`complete -c backstitch -f -n '${condition}' -a '${plain.join(' ')}'`]),
        ...options.map((option) => `complete -c backstitch -n '${condition}' -l ${option}`),
      ]
    })
    .join('\n')
}
