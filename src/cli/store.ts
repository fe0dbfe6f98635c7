import path from 'node:path'
import { type Command, Option } from 'commander'
import { MASTER_KEY_VARIABLE } from '../pki/master-key.ts'
import { examples, globals } from './globals.ts'
import { DEFAULT_CONFIG, readServerConfig } from './server/options.ts'
import { print, printJson } from './terminal.ts'

interface StoreFlags {
  readonly config: string
  readonly state?: string
  readonly masterKey?: boolean
}

export function addStore(program: Command): void {
  const store = program
    .command('store')
    .description("The server's database on this machine: back it up while it runs, put a backup in its place")
    .addHelpText(
      'after',
      examples(
        [
          'backstitch store backup /var/backups/backstitch-monday',
          'all that a server needs to be itself again',
        ],
        ['backstitch store restore /var/backups/backstitch-monday', 'once the server is stopped'],
      ),
    )
  where(store.command('backup'))
    .description('Write database, master key and public certificate into one new file, and check it')
    .argument('<file>', 'where to; never over a file that is there')
    .option('--no-master-key', 'leave the master key out, where it is kept in another place')
    .addHelpText(
      'after',
      examples(
        ['backstitch store backup ./monday', 'mode 0600: whoever reads it can do what the server can'],
        ['backstitch store backup ./monday --no-master-key', 'of no use without the key'],
      ),
    )
    .action(backup)
  where(store.command('restore'))
    .description('Put a backup in the place of the database; what was there is kept beside it')
    .argument('<file>', 'a file that "backstitch store backup" made')
    .addHelpText('after', examples(['backstitch store restore ./monday', 'refused while a server runs']))
    .action(restore)
}

function where(command: Command): Command {
  return command
    .addOption(
      new Option('--config <file>', "the server's YAML configuration")
        .env('BACKSTITCH_CONFIG')
        .default(DEFAULT_CONFIG),
    )
    .addOption(new Option('--state <dir>', "the server's state directory").env('BACKSTITCH_STATE'))
}

async function backup(name: string, flags: StoreFlags, command: Command): Promise<void> {
  const { backUp } = await import('../store/backup.ts')
  const stateDir = await stateOf(flags)
  const masterKey = process.env[MASTER_KEY_VARIABLE]
  const file = path.resolve(name)
  const content = await backUp({ stateDir, file, withMasterKey: flags.masterKey !== false, masterKey })
  if (globals(command).json) return printJson({ file, ...content })
  const key = content.files.includes('master.key') ? '' : '\nThe master key is not in it: keep that, too.'
  print(
    `${file}: checked; ${content.auditRecords} audit records; ${content.files.join(', ') || 'no files'}${key}`,
  )
}

async function restore(name: string, flags: StoreFlags, command: Command): Promise<void> {
  const { restore } = await import('../store/restore.ts')
  const stateDir = await stateOf(flags)
  const restored = await restore({
    ...{ stateDir, file: path.resolve(name) },
    masterKey: process.env[MASTER_KEY_VARIABLE],
  })
  if (globals(command).json) return printJson({ stateDir, ...restored })
  const kept = restored.formerly === undefined ? '' : `\nWhat was there before is in ${restored.formerly}`
  print(`${stateDir} is as it was backed up, ${restored.auditRecords} audit records.${kept}`)
}

async function stateOf({ config, state }: StoreFlags): Promise<string> {
  return path.resolve(state ?? (await readServerConfig(config)).stateDir)
}
