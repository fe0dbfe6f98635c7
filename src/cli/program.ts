import { Command, Option } from 'commander'
import type { Hop } from '../base/faults.ts'
import { actAs } from '../base/own-hop.ts'
import { VERSION } from '../base/version.ts'
import { visibleText } from '../base/visible-text.ts'
import { addApply } from './apply.ts'
import { addAudit } from './audit.ts'
import { addClient } from './client.ts'
import { addCompletion } from './completion.ts'
import { addConnector } from './connector.ts'
import { addDemo } from './demo.ts'
import { addDoctor } from './doctor.ts'
import { addEdge } from './edge.ts'
import { addExplain } from './explain.ts'
import { examples } from './globals.ts'
import { addKey } from './key.ts'
import { addLab } from './lab.ts'
import { addLint } from './lint.ts'
import { addLogs } from './logs.ts'
import { addResources } from './resources.ts'
import { addServer } from './server/command.ts'
import { addPassword, addSignOut } from './sign-out.ts'
import { addStatus } from './status.ts'
import { addStore } from './store.ts'
import { addSupportBundle } from './support-bundle.ts'
import { addToken } from './token.ts'
import { addTrace } from './trace.ts'

/** The whole command tree. Commands throw; main.ts turns what they throw into text and an exit code. */
export function buildProgram(): Command {
  const program = new Command('backstitch')
    .description('Access to private applications through parts that only dial out; names the hop that broke.')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--json', 'print data, and faults, as JSON')
    .addOption(
      new Option(
        '--context <file>',
        'control plane to talk to (default: ./.backstitch/context.json, XDG, then the server of this machine)',
      )
        .env('BACKSTITCH_CONTEXT')
        .argParser(String),
    )
    .configureOutput({ writeErr: (text) => void process.stderr.write(visibleText(text)) })
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showSuggestionAfterError()
    .showHelpAfterError('Run it with --help to see what it takes.')
    .exitOverride()
  program.hook('preAction', (_, command) => actAs(hopOfCommand(command)))
  program.commandsGroup('Roles:')
  addServer(program)
  addEdge(program)
  addConnector(program)
  addClient(program)
  addDemo(program)
  program.commandsGroup('Configuration:')
  addApply(program)
  addResources(program)
  addLint(program)
  addKey(program)
  addToken(program)
  addPassword(program)
  addSignOut(program)
  program.commandsGroup('Looking:')
  addStatus(program)
  addDoctor(program)
  addExplain(program)
  addTrace(program)
  addSupportBundle(program)
  addLogs(program)
  addAudit(program)
  addStore(program)
  addLab(program)
  addCompletion(program)
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
