import { CommanderError, InvalidArgumentError } from 'commander'
import { asFault, Fault } from '../base/faults.ts'
import { lookups } from '../probe/lookups.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { faultJson, faultText } from './fault-report.ts'
import { leave } from './leave.ts'
import { buildProgram } from './program.ts'
import { say } from './terminal.ts'

/** Runs one command, whatever it is, to its exit code. */
export async function run(args: readonly string[]): Promise<void> {
  const program = await buildProgram(args)
  try {
    await program.parseAsync()
  } catch (error) {
    process.exitCode = report(error, program.opts().json)
  }
  // All is done, and a name that nobody answers for would keep us: what was printed leaves first.
  if (lookups.underWay > 0) process.stdout.write('', () => leave(Number(process.exitCode ?? EXIT.OK)))
}

/** Standard output that takes nothing any more. */
export function reportOutput(errno: string | undefined): number {
  const code = errno === 'ENOSPC' || errno === 'EDQUOT' ? 'DISK_FULL' : 'INTERNAL'
  return report(
    new Fault(code, `standard output: ${errno}`, { hop: 'client' }),
    process.argv.includes('--json'),
  )
}

function report(error: unknown, json: boolean | undefined): number {
  // One that commander did not ask for itself, and so has not said.
  if (error instanceof InvalidArgumentError) say(error.message)
  // commander has written its message, or the help or version that was asked for.
  // It says 1 for wrong usage; a command that has another code for it says that.
  if (error instanceof CommanderError) return error.exitCode === 1 ? EXIT.USAGE : error.exitCode
  const fault = asFault(error)
  say(json ? JSON.stringify(faultJson(fault)) : faultText(fault))
  if (fault.code === 'INTERNAL' && error instanceof Error && error.stack) say(error.stack)
  return exitCodeOf(fault.code)
}
