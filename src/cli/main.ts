/**
 * argv and environment in, one command out. The only file that sets the exit code.
 *
 * @module
 */
import { CommanderError } from 'commander'
import { asFault } from '../base/faults.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { faultJson, faultText } from './fault-report.ts'
import { buildProgram } from './program.ts'
import { say } from './terminal.ts'

// `backstitch get sessions | head` ends when head has enough, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.OK : EXIT.FAULT)
})

const program = buildProgram()
try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

function report(error: unknown): number {
  // commander has written its message, or the help or version that was asked for.
  // It says 1 for wrong usage; a command that has another code for it says that.
  if (error instanceof CommanderError) return error.exitCode === 1 ? EXIT.USAGE : error.exitCode
  const fault = asFault(error)
  say(program.opts().json ? JSON.stringify(faultJson(fault)) : faultText(fault))
  if (fault.code === 'INTERNAL' && error instanceof Error && error.stack) say(error.stack)
  return exitCodeOf(fault.code)
}
