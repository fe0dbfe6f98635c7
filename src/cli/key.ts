import { type Command, Option } from 'commander'
import type { z } from 'zod'
import type { provisioningKeyCreated } from '../api/keys.ts'
import { rfc3339 } from '../base/clock.ts'
import { newId } from '../base/ids.ts'
import { examples, globals, parseCount, parseDuration, restFor } from './globals.ts'
import { printSecret } from './hand-over.ts'
import { say } from './terminal.ts'

interface KeyOptions {
  readonly group?: string
  readonly edge?: string
  readonly uses: number
  readonly expires: number
  readonly name?: string
}

export function addKey(program: Command): void {
  const key = program
    .command('key')
    .description(
      'Provisioning keys, with which a connector or edge enrols; creating one requires the role admin or owner',
    )
    .addHelpText(
      'after',
      examples(
        ['backstitch key create --group dc1 > provision_key', 'a key for one connector, valid for a day'],
        ['backstitch get keys', 'list existing keys'],
        ['backstitch delete key NAME', 'revoke one'],
      ),
    )
  key
    .command('create')
    .description('Create a provisioning key and print it, once only')
    .option('--group <group>', 'connector group that connectors enrolled with it join')
    .option('--edge <edge>', 'or the edge, already declared, that enrols with it')
    .option('--uses <n>', 'how many connectors may enrol with it', parseCount, 1)
    .addOption(
      new Option('--expires <duration>', 'how long it is valid: 90s, 30m, 24h, 7d')
        .argParser(parseDuration)
        .default(86_400_000, '24h'),
    )
    .option('--name <name>', 'name of the key (default: generated)')
    .addHelpText(
      'after',
      examples(
        ['backstitch key create --group dc1 > provision_key', 'one connector, 24 hours'],
        ['backstitch key create --group dc1 --uses 2 --expires 7d', 'two connectors, a week'],
        ['backstitch key create --edge fra > provision_key', 'the edge fra, 24 hours'],
      ),
    )
    .action(async ({ group, edge, uses, expires, name }: KeyOptions, command: Command) => {
      if ((group === undefined) === (edge === undefined)) {
        command.error('error: a key is for a connector group or for an edge: give --group or --edge')
      }
      const rest = await restFor(command)
      const body = {
        name: name ?? `${edge ?? group}-${newId('key').slice(-8)}`,
        ...(edge === undefined ? { group } : { edge }),
        maxUses: uses,
        expiresAt: rfc3339(Date.now() + expires),
      }
      const { body: created } = await rest.call('/provisioning-keys', { method: 'POST', body })
      const made = created as z.infer<typeof provisioningKeyCreated>
      const hand = (text: string) =>
        printSecret(rest, {
          ...({ what: 'key', name: made.name, revoked: 'KEY_REVOKED' } as const),
          ...{ path: `/provisioning-keys/${made.id}`, text },
        })
      if (globals(command).json) return hand(`${JSON.stringify(made, null, 2)}\n`)
      say(
        `Key ${made.name} for ${edge === undefined ? `group ${group}` : `edge ${edge}`}: ${uses} ${uses === 1 ? 'use' : 'uses'}, until ${made.expiresAt}`,
      )
      // Only the key on stdout, so that it can go into a file as it is.
      await hand(`${made.key}\n`)
    })
}
