import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Command } from 'commander'
import { programFile } from '../base/program-files.ts'
import { examples } from './globals.ts'

/** The lab starts this program many times over, so it stands beside it, in processes of its own. */
const MAIN = programFile('lab/main')

export function addLab(program: Command): void {
  program
    .command('lab')
    .description('Break a real installation in network namespaces, one failure at a time; requires root')
    .argument('[arguments...]', 'list, run, up, status, show, break, fix, down, drill')
    .helpOption(false)
    .allowUnknownOption()
    .addHelpText(
      'after',
      examples(
        ['backstitch lab list', 'list the stories'],
        ['backstitch lab run SCN-05:drop', 'break, notice, diagnose, fix, verify'],
        [
          'backstitch lab show --socket /var/lib/backstitch/connector',
          'the six stages, live; works for any connector',
        ],
        ['backstitch lab drill', 'you are the doctor'],
      ),
    )
    .action(async (passed: string[]) => {
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...passed], {
        stdio: 'inherit',
      })
      // Ctrl-C reaches both; the lab needs a moment to remove what it made.
      const wait = () => {}
      const end = () => child.kill('SIGTERM')
      process.on('SIGINT', wait).on('SIGTERM', end)
      const [code] = (await once(child, 'exit')) as [number | null]
      process.off('SIGINT', wait).off('SIGTERM', end)
      process.exitCode = code ?? 1
    })
}
