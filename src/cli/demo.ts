import type { Command } from 'commander'
import { examples } from './globals.ts'

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'Show the whole path on this machine: control plane, edge, connector, client and a private application',
    )
    .option('--state <dir>', 'where everything it makes is kept', '.backstitch')
    .option(
      '--no-namespace',
      'put the application on a loopback address even where a namespace could be made',
    )
    .addHelpText(
      'after',
      examples(['backstitch demo', 'until Ctrl-C; a second start goes on with what the first one made']),
    )
    .action(async (options: { state: string; namespace: boolean }, command: Command) => {
      const { runDemo } = await import('./demo/run.ts')
      const named = command.getOptionValueSource('state') !== 'default'
      process.exit(await runDemo({ ...options, named }))
    })
}
