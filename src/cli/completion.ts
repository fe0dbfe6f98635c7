import { type Command, InvalidArgumentError } from 'commander'
import { called, findKind, KIND_NAMES } from '../api/kinds.ts'
import { examples, restFor } from './globals.ts'
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
  program
    .command(NAMES, { hidden: true })
    .description('Print the names of a kind, one per line: used by completion')
    .argument('<kind>', 'kind of object')
    .addHelpText('after', examples([`backstitch ${NAMES} segments`, 'names of segments']))
    .action(async (word: string, _options: object, command: Command) => {
      const kind = findKind(word)
      if (kind === undefined) return
      const rest = await restFor(command)
      const items = await rest.list<{ name?: string }>(
        `/${called(kind).plural}`,
        MAX_NAMES,
        AbortSignal.timeout(NAMES_MS),
      )
      for (const { name } of items) if (name !== undefined) print(name)
    })
}

/** The command that completion asks. */
const NAMES = '__names'
/** A shell that waits for more shows nothing that anybody reads. */
const MAX_NAMES = 1000
const NAMES_MS = 3000
/** Commands that take KIND and NAME. */
const NAMING = ['get', 'describe', 'delete']

/** What may follow, by the commands so far: `` → get, describe…; `client` → login, run…. */
function wordsOf(command: Command, at = ''): [string, string[]][] {
  const options = command.options.map((option) => option.long).filter((long) => long !== undefined)
  const kinds = NAMING.includes(at) ? KIND_NAMES.map((kind) => called(kind).plural) : []
  const names = command.commands.map((child) => child.name()).filter((name) => name !== NAMES)
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
    ${NAMING.map((name) => `${name}\\ *`).join('|')}) words=$("\${COMP_WORDS[0]}" ${NAMES} "\${at##* }" 2>/dev/null) ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _backstitch backstitch`
  return shell === 'bash' ? bash : `autoload -U +X bashcompinit && bashcompinit\n${bash}`
}

function fish(words: [string, string[]][]): string {
  const third = `__fish_seen_subcommand_from ${NAMING.join(' ')}; and test (count (commandline -opc)) -eq 3`
  const names = `complete -c backstitch -f -n '${third}' -a '(backstitch ${NAMES} (commandline -opc)[3] 2>/dev/null)'`
  const known = words.flatMap(([at, next]) => {
    const parts = at.split(' ').filter((part) => part !== '')
    const condition =
      parts.length === 0
        ? '__fish_use_subcommand'
        : parts.map((part) => `__fish_seen_subcommand_from ${part}`).join('; and ')
    const plain = next.filter((word) => !word.startsWith('-'))
    const options = next.filter((word) => word.startsWith('--')).map((word) => word.slice(2))
    return [
      ...(plain.length === 0 ? [] : [`complete -c backstitch -f -n '${condition}' -a '${plain.join(' ')}'`]),
      ...options.map((option) => `complete -c backstitch -n '${condition}' -l ${option}`),
    ]
  })
  return [...known, names].join('\n')
}
