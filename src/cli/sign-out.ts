import type { Command } from 'commander'
import type { z } from 'zod'
import type { SignedOutDevices, signedOut } from '../api/sign-ins.ts'
import { examples, globals, restFor } from './globals.ts'
import { readSecret } from './secret-input.ts'
import { signedOutText, stillOpenText } from './still-open.ts'
import { printJson, say } from './terminal.ts'

export function addSignOut(program: Command): void {
  program
    .command('sign-out')
    .description('Sign out every device of a user, or one device; closes their sessions')
    .argument('[user]', 'user whose devices are all signed out')
    .option('--device <device>', 'only this device, by id or name')
    .addHelpText(
      'after',
      examples(
        ['backstitch sign-out ada', 'everywhere: each device needs the password again'],
        ['backstitch sign-out --device dev_01k8…', 'one device'],
      ),
    )
    .action(async (user: string | undefined, { device }: { device?: string }, command: Command) => {
      if ((user === undefined) === (device === undefined)) {
        command.error('error: give a user, or --device')
      }
      const rest = await restFor(command)
      const whose = user === undefined ? `/client-devices/${enc(device!)}` : `/users/${enc(user)}`
      const { body } = await rest.call(`${whose}/sign-out`, { method: 'POST' })
      if (globals(command).json) return printJson(body)
      const done = body as z.infer<typeof signedOut>
      const nobody = user === undefined ? 'It was not signed in.' : `No device of ${user} was signed in.`
      if (user === undefined && done.signedOut.length > 0) say(`Signed out ${done.signedOut[0]!.name}.`)
      else say(signedOutText(user ?? '', done.signedOut) || nobody)
      const open = stillOpenText(done.stillOpen)
      if (open !== '') say(`\n${open}`)
    })
}

export function addPassword(program: Command): void {
  program
    .command('password')
    .description("Set a user's password; every device of the user has to sign in again")
    .argument('<user>', 'whose')
    .option(
      '--password-file <file>',
      'file with the new password, - for standard input; prompted for when absent',
    )
    .addHelpText(
      'after',
      examples(
        ['backstitch password ada', 'prompted for, not shown'],
        ['pwgen -s 24 1 | backstitch password ada --password-file -', 'from another program'],
      ),
    )
    .action(async (user: string, options: { passwordFile?: string }, command: Command) => {
      const rest = await restFor(command)
      const password = await readSecret('password', options.passwordFile)
      const { body } = await rest.call(`/users/${enc(user)}`, {
        method: 'PATCH',
        body: { password },
        headers: { 'if-match': '*' },
      })
      if (globals(command).json) return printJson(body)
      const { name, signedOut: gone = [] } = body as { name: string; signedOut?: SignedOutDevices }
      say(`The password of ${name} is set. ${signedOutText(name, gone) || 'No device was signed in'}.`)
    })
}

function enc(word: string): string {
  return encodeURIComponent(word)
}
