/**
 * argv and environment in, one command out. The only file that sets the exit code.
 *
 * @module
 */
import { CommanderError, InvalidArgumentError } from 'commander'
import { asFault, Fault } from '../base/faults.ts'
import { lookupsUnderWay } from '../probe/system-names.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { faultJson, faultText } from './fault-report.ts'
import { guardLastWords } from './last-words.ts'
import { leave } from './leave.ts'
import { buildProgram } from './program.ts'
import { say } from './terminal.ts'

// `backstitch get sessions | head` ends when head has enough, which is no failure. Daemons do not write to it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.OK)
  const code = error.code === 'ENOSPC' || error.code === 'EDQUOT' ? 'DISK_FULL' : 'INTERNAL'
  process.exit(report(new Fault(code, `standard output: ${error.code}`, { hop: 'client' })))
})
guardLastWords()

// A variable that is set and empty is not set, as files of environment variables have them.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith('BACKSTITCH_') && value === '') delete process.env[name]
}
const program = await buildProgram(process.argv.slice(2))
try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}
// All is done, and a name that nobody answers for would keep us: what was printed leaves first.
if (lookupsUnderWay() > 0) process.stdout.write('', () => leave(Number(process.exitCode ?? EXIT.OK)))

function report(error: unknown): number {
  // One that commander did not ask for itself, and so has not said.
  if (error instanceof InvalidArgumentError) say(error.message)
  // commander has written its message, or the help or version that was asked for.
  // It says 1 for wrong usage; a command that has another code for it says that.
  if (error instanceof CommanderError) return error.exitCode === 1 ? EXIT.USAGE : error.exitCode
  const fault = asFault(error)
  say(program.opts().json ? JSON.stringify(faultJson(fault)) : faultText(fault))
  if (fault.code === 'INTERNAL' && error instanceof Error && error.stack) say(error.stack)
  return exitCodeOf(fault.code)
}
