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
    .description("The server's database on this machine: back it up while it runs, restore a backup")
    .addHelpText(
      'after',
      examples(
        ['backstitch store backup /var/backups/backstitch-monday', 'everything needed to restore the server'],
        ['backstitch store restore /var/backups/backstitch-monday', 'with the server stopped'],
      ),
    )
  where(store.command('backup'))
    .description('Write database, master key and public certificate into one new file, and verify it')
    .argument('<file>', 'destination; never overwrites an existing file')
    .option('--no-master-key', 'leave out the master key, if it is kept elsewhere')
    .addHelpText(
      'after',
      examples(
        ['backstitch store backup ./monday', 'mode 0600: anyone who can read it can act as the server'],
        ['backstitch store backup ./monday --no-master-key', 'useless without the key'],
      ),
    )
    .action(backup)
  where(store.command('restore'))
    .description('Restore a backup; the previous database is kept next to it')
    .argument('<file>', 'a file created by "backstitch store backup"')
    .addHelpText(
      'after',
      examples(['backstitch store restore ./monday', 'refused while a server is running']),
    )
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
  const key = content.files.includes('master.key')
    ? ''
    : '\nThe master key is not included: keep it safe as well.'
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
  const kept = restored.formerly === undefined ? '' : `\nThe previous files are in ${restored.formerly}`
  print(`${stateDir} is restored to the backup, ${restored.auditRecords} audit records.${kept}`)
}

async function stateOf({ config, state }: StoreFlags): Promise<string> {
  return path.resolve(state ?? (await readServerConfig(config)).stateDir)
}
