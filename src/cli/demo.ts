import type { Command } from 'commander'
import { examples } from './globals.ts'

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'Demonstrate the whole path on this machine: control plane, edge, connector, client and a private application',
    )
    .option('--state <dir>', 'where everything it creates is kept', '.backstitch')
    .option(
      '--no-namespace',
      'put the application on a loopback address even if a network namespace could be created',
    )
    .addHelpText(
      'after',
      examples(['backstitch demo', 'until Ctrl-C; the next start reuses what the first one created']),
    )
    .action(async (options: { state: string; namespace: boolean }, command: Command) => {
      const { runDemo } = await import('./demo/run.ts')
      const named = command.getOptionValueSource('state') !== 'default'
      process.exit(await runDemo({ ...options, named }))
    })
}
