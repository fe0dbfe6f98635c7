/**
 * Our own log: every fault in it has a code, and a later connection makes earlier ones the past.
 *
 * @module
 */
import { HOPS, type Hop, isFaultCode } from '../../base/faults.ts'
import type { Clue, ClueReader } from './clue.ts'
import type { LogLine } from './log-lines.ts'

const UP = new Set(['control.connected', 'control.up', 'connector.healthy', 'doctor.recovered'])
/** Lines of single sessions and of policy: they say nothing about the state of the daemon. */
const OF_SESSIONS = /^(session|stream|agent|local|decision|http)\./

export const ownLog: ClueReader = (lines) => {
  const since = lines.findLastIndex(isUp)
  return lines.slice(since + 1).flatMap((line) => clueOf(line) ?? [])
}

/** The last line that says that all is well, if nothing after it says otherwise. */
export function lastGood(lines: readonly LogLine[]): LogLine | undefined {
  return lines.findLast(
    (line) => isUp(line) || /state: CONNECTED\b|is healthy\b|Active: active \(running\)/.test(line.text),
  )
}

function isUp({ fields }: LogLine): boolean {
  return typeof fields?.event === 'string' && UP.has(fields.event)
}

function clueOf(line: LogLine): Clue | undefined {
  const { fields, text } = line
  if (fields === undefined) return inText(line)
  const { code, hop, event, level } = fields
  if (typeof code !== 'string' || !isFaultCode(code)) return undefined
  if (typeof event === 'string' && OF_SESSIONS.test(event)) return undefined
  if (level === 'debug' || level === 'trace') return undefined
  const why =
    typeof fields.cause === 'string' ? fields.cause : typeof fields.msg === 'string' ? fields.msg : text
  return { code, hop: isHop(hop) ? hop : undefined, line, why }
}

/** As our commands print faults: `EGRESS_BLOCKED (edge): …`, or a doctor's first line: `edge EGRESS_BLOCKED: …`. */
function inText(line: LogLine): Clue | undefined {
  const found = /^(?:([a-z]+) )?([A-Z]+(?:_[A-Z]+)+)(?: \(([a-z]+)\))?: (.*)$/.exec(line.text)
  if (found === null || !isFaultCode(found[2]!)) return undefined
  const hop = found[1] ?? found[3]
  return { code: found[2], hop: isHop(hop) ? hop : undefined, line, why: found[4] }
}

function isHop(text: unknown): text is Hop {
  return (HOPS as readonly unknown[]).includes(text)
}
