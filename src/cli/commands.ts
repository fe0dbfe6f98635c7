/**
 * Every command, by the words that call it. Each is loaded when it is called: whoever types `backstitch get` does not
 * wait for what a server needs.
 *
 * @module
 */
import type { Command } from 'commander'

/** Adds its commands to the program. */
type Add = (program: Command) => void

export interface CommandSource {
  /** As the help has it. */
  readonly group: 'Roles:' | 'Configuration:' | 'Diagnostics:'
  readonly words: readonly string[]
  readonly load: () => Promise<Add>
}

/** In the order of the help. */
export const COMMANDS: readonly CommandSource[] = [
  of('Roles:', ['server'], async () => (await import('./server/command.ts')).addServer),
  of('Roles:', ['edge'], async () => (await import('./edge.ts')).addEdge),
  of('Roles:', ['connector'], async () => (await import('./connector.ts')).addConnector),
  of('Roles:', ['client'], async () => (await import('./client.ts')).addClient),
  of('Roles:', ['demo'], async () => (await import('./demo.ts')).addDemo),
  of('Configuration:', ['apply'], async () => (await import('./apply.ts')).addApply),
  of(
    'Configuration:',
    ['get', 'describe', 'delete'],
    async () => (await import('./resources.ts')).addResources,
  ),
  of('Configuration:', ['lint'], async () => (await import('./lint.ts')).addLint),
  of('Configuration:', ['key'], async () => (await import('./key.ts')).addKey),
  of('Configuration:', ['token'], async () => (await import('./token.ts')).addToken),
  of('Configuration:', ['password'], async () => (await import('./sign-out.ts')).addPassword),
  of('Configuration:', ['sign-out'], async () => (await import('./sign-out.ts')).addSignOut),
  of('Diagnostics:', ['status'], async () => (await import('./status.ts')).addStatus),
  of('Diagnostics:', ['doctor'], async () => (await import('./doctor.ts')).addDoctor),
  of('Diagnostics:', ['explain'], async () => (await import('./explain.ts')).addExplain),
  of('Diagnostics:', ['trace'], async () => (await import('./trace.ts')).addTrace),
  of('Diagnostics:', ['support-bundle'], async () => (await import('./support-bundle.ts')).addSupportBundle),
  of('Diagnostics:', ['logs'], async () => (await import('./logs.ts')).addLogs),
  of('Diagnostics:', ['audit'], async () => (await import('./audit.ts')).addAudit),
  of('Diagnostics:', ['store'], async () => (await import('./store.ts')).addStore),
  of('Diagnostics:', ['lab'], async () => (await import('./lab.ts')).addLab),
  of('Diagnostics:', ['completion', '__names'], async () => (await import('./completion.ts')).addCompletion),
]

/** Needs the tree of all commands. */
const OF_ALL = 'completion'

function of(
  group: CommandSource['group'],
  words: readonly string[],
  load: CommandSource['load'],
): CommandSource {
  return { group, words, load }
}

/** What these arguments call, alone; everything, where they call nothing that is known: help and hints show all. */
export function commandsFor(args: readonly string[]): readonly CommandSource[] {
  const word = args.find((arg, at) => !arg.startsWith('-') && args[at - 1] !== '--context')
  if (word === undefined || word === OF_ALL) return COMMANDS
  const called = COMMANDS.filter(({ words }) => words.includes(word))
  return called.length > 0 ? called : COMMANDS
}
