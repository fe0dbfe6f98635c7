/**
 * argv and environment in, one command out.
 *
 * argv first: what is called often, and waited for, loads nothing that it does not use (quick.ts). Everything else is a
 * command of the tree (run.ts).
 *
 * @module
 */
import { EXIT } from './exit-codes.ts'
import { guardLastWords } from './last-words.ts'
import { quick } from './quick.ts'

// `backstitch get sessions | head` ends when head has enough, which is no failure. Daemons do not write to it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.OK)
  void import('./run.ts').then(({ reportOutput }) => process.exit(reportOutput(error.code)))
})
guardLastWords()

// A variable that is set and empty is not set, as files of environment variables have them.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith('BACKSTITCH_') && value === '') delete process.env[name]
}
const args = process.argv.slice(2)
if (!(await quick(args))) await (await import('./run.ts')).run(args)
