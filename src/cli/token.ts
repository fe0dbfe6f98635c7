import { type Command, Option } from 'commander'
import type { z } from 'zod'
import { ROLES, type TokenRole } from '../api/roles.ts'
import type { tokenCreated } from '../api/tokens.ts'
import { rfc3339 } from '../base/clock.ts'
import { examples, globals, parseDuration, parseName, restFor } from './globals.ts'
import { printSecret } from './hand-over.ts'
import { say } from './terminal.ts'

interface TokenOptions {
  readonly role: TokenRole
  readonly expires?: number
}

export function addToken(program: Command): void {
  const token = program
    .command('token')
    .description(
      'API tokens, with which commands and programs authenticate; creating one requires the role owner',
    )
    .addHelpText(
      'after',
      examples(
        ['backstitch token create ci --role operator > ci.token', 'a token for a program'],
        ['backstitch get tokens', 'list existing keys'],
        ['backstitch delete token NAME', 'revoke one'],
      ),
    )
  token
    .command('create')
    .description('Create an API token and print it, once only')
    .argument('<name>', 'name of the token', parseName)
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .addOption(
      new Option(
        '--expires <duration>',
        'how long it is valid: 90s, 30m, 24h, 7d (default: until it is deleted)',
      ).argParser(parseDuration),
    )
    .addHelpText(
      'after',
      examples(
        ['backstitch token create ci --role operator > ci.token', 'a token for a program'],
        ['backstitch token create ann --role admin --expires 8h', 'for the length of a shift'],
      ),
    )
    .action(async (name: string, { role, expires }: TokenOptions, command: Command) => {
      const rest = await restFor(command)
      const end = expires === undefined ? {} : { expiresAt: rfc3339(Date.now() + expires) }
      const { body } = await rest.call('/tokens', { method: 'POST', body: { name, role, ...end } })
      const made = body as z.infer<typeof tokenCreated>
      const { json } = globals(command)
      if (!json)
        say(
          `Token ${made.name}: ${made.role}, ${made.expiresAt ? `until ${made.expiresAt}` : 'until it is deleted'}`,
        )
      // Only the token on stdout, so that it can go into a file as it is.
      const text = json ? JSON.stringify(made, null, 2) : made.token
      const secret = { what: 'token', name: made.name, revoked: 'TOKEN_INVALID' } as const
      await printSecret(rest, { ...secret, path: `/tokens/${made.id}`, text: `${text}\n` })
    })
}
