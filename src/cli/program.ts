import { Command, Option } from 'commander'
import type { Hop } from '../base/faults.ts'
import { actAs } from '../base/own-hop.ts'
import { VERSION } from '../base/version.ts'
import { visibleText } from '../base/visible-text.ts'
import { COMMANDS, commandsFor } from './commands.ts'
import { examples } from './globals.ts'

/**
 * The tree of commands. Commands throw; main.ts turns what they throw into text and an exit code.
 *
 * @param args With which it is called: only what they need is in the tree. Absent: all of it.
 */
export async function buildProgram(args?: readonly string[]): Promise<Command> {
  const program = new Command('backstitch')
    .description(
      'Access to private applications through agents that only dial out; names the hop that broke.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .option('--json', 'print data and faults as JSON')
    .addOption(
      new Option(
        '--context <file>',
        'control plane to use (default: ./.backstitch/context.json, XDG, then the server on this machine)',
      )
        .env('BACKSTITCH_CONTEXT')
        .argParser(String),
    )
    .configureOutput({ writeErr: (text) => void process.stderr.write(visibleText(text)) })
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showSuggestionAfterError()
    .showHelpAfterError('Run it with --help to see its options.')
    .exitOverride()
  program.hook('preAction', (_, command) => actAs(hopOfCommand(command)))
  for (const { group, load } of args === undefined ? COMMANDS : commandsFor(args)) {
    const add = await load()
    program.commandsGroup(group)
    add(program)
  }
  program.addHelpText(
    'after',
    examples(
      ['backstitch demo', 'the whole path on this machine, until Ctrl-C'],
      ['backstitch apply -f access.yaml', 'declare segments, rules and users'],
      ['backstitch key create --group dc1', 'a key that enrols one connector'],
      ['backstitch get sessions', 'who reached what, and how long each hop took'],
    ),
  )
  program.addHelpText('after', '\nExit codes, environment and files: docs/cli.md')
  return program
}

/** Whose process this is, for faults that are its own. Of a server it is said again where its parts begin. */
function hopOfCommand(command: Command): Hop {
  let top = command
  while (top.parent?.parent) top = top.parent
  const name = top.name()
  return name === 'connector' || name === 'edge' ? name : name === 'server' ? 'control' : 'client'
}
