import { type Command, CommanderError } from 'commander'
import { type TraceReport, traceLine } from '../api/trace.ts'
import { asFault, Fault } from '../base/faults.ts'
import { faultFromMessage } from '../link/control/fault-message.ts'
import { faultJson, faultText } from './fault-report.ts'
import { examples, globals, parseHostPort, restFor } from './globals.ts'
import { untilStopped } from './signals.ts'
import { print, say } from './terminal.ts'
import { stepLine, traceText } from './trace-text.ts'

interface TraceFlags {
  readonly device?: string
  readonly udp?: boolean
}

/** As `doctor`: sysexits.h for a command line that cannot be understood, as 2 is "could not look". */
const USAGE = 64
const EXIT = { healthy: 0, fault: 1, unknown: 2 } as const
/** The control plane has given up before. */
const ALL_MS = 60_000

export function addTrace(program: Command): void {
  program
    .command('trace')
    .description("Trace a user's path to an application, hop by hop, from the user's device")
    .argument('<user>', 'name or id')
    .argument('<host:port>', 'the application, as the user would enter it', parseHostPort)
    .option('--device <device>', 'device of the user to trace from (default: one that is online)')
    .option('--udp', 'UDP instead of TCP')
    .addHelpText(
      'after',
      examples(
        ['backstitch trace ada wiki.internal:443', 'from the device where ada is signed in'],
        ['backstitch trace ada wiki.internal:443 --device laptop', 'from this device'],
        ['backstitch trace ada dns.internal:53 --udp', 'as far as UDP allows'],
        ['backstitch trace ada wiki.internal:443 --json | jq .finding.code', 'for programs'],
      ),
    )
    .addHelpText('after', '\nExit codes: 0 healthy, 1 fault found, 2 could not examine, 64 wrong usage')
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : new CommanderError(USAGE, error.code, error.message)
    })
    .action(async (user: string, to: { host: string; port: number }, flags: TraceFlags, command: Command) => {
      using stop = untilStopped()
      const json = globals(command).json ?? false
      try {
        const report = await traced(command, { user, ...to, ...flags }, stop.signal, json)
        print(
          json ? JSON.stringify(report, null, 2) : traceText(report, process.stdout.hasColors?.() ?? false),
        )
        process.exitCode = EXIT[report.outcome]
      } catch (error) {
        if (stop.signal.aborted) return
        const fault = asFault(error)
        say(json ? JSON.stringify(faultJson(fault)) : faultText(fault))
        process.exitCode = EXIT.unknown
      }
    })
}

async function traced(
  command: Command,
  { user, host, port, device, udp }: TraceFlags & { user: string; host: string; port: number },
  signal: AbortSignal,
  json: boolean,
): Promise<TraceReport> {
  const rest = await restFor(command)
  const body = { user, host, port, protocol: udp ? 'udp' : 'tcp', device }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ALL_MS)])
  // Whoever waits at a terminal sees each hop as it comes; the report that follows says it all in one piece.
  const shows = !json && process.stderr.isTTY === true
  for await (const said of rest.lines('/trace', limit, { method: 'POST', body })) {
    const line = lineOf(said)
    if ('failed' in line) throw faultFromMessage(line.failed)
    if ('step' in line && shows) say(stepLine(line.step, process.stderr.hasColors?.() ?? false))
    if ('report' in line) {
      if (shows) say('')
      return line.report
    }
  }
  signal.throwIfAborted()
  throw new Fault('CONTROL_UNREACHABLE', 'the answer to /trace ended before the report')
}

function lineOf(said: unknown) {
  try {
    return traceLine.parse(said)
  } catch (cause) {
    throw new Fault('PROTOCOL_ERROR', 'the trace carried a line that cannot be read', {
      cause,
      hop: 'control',
    })
  }
}
