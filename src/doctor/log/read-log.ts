/**
 * A verdict from text alone: a log, a journal, or what somebody pasted from a terminal.
 *
 * @module
 */

import { isEchoOf } from '../../base/fault-causes.ts'
import { FAULTS, type FaultCode, type Hop } from '../../base/faults.ts'
import { shown } from '../../base/visible-text.ts'
import { farEdge, flappingClues } from './across-lines.ts'
import type { Clue } from './clue.ts'
import { journal } from './journal.ts'
import { type LogLine, readLines } from './log-lines.ts'
import { lastGood, ownLog } from './own-log.ts'
import { denials, df, files, top } from './tools-machine.ts'
import { clocks, connections, curl, openssl, ping, toolNames } from './tools-network.ts'

export type LogVerdict =
  | { readonly is: 'fault'; readonly findings: readonly LogFinding[] }
  | { readonly is: 'healthy'; readonly line: number; readonly quote: string }
  /** Nothing in the text speaks for one fault. */
  | { readonly is: 'unknown' }

export interface LogFinding {
  readonly hop: Hop
  readonly code: FaultCode
  readonly scenario?: number
  readonly title: string
  /** The line that proves it, by its number, and as it stands there. */
  readonly line: number
  readonly quote: string
  /** How many lines say the same. */
  readonly lines: number
  readonly cause: string
  readonly fix: string
  readonly verify: string
}

/** @param o.edgeHost The edge of this machine, where it is known: names and connections are then told apart by it. */
export function readLog(text: string, { edgeHost }: { edgeHost?: string } = {}): LogVerdict {
  const lines = readLines(text)
  const readers = [
    ...[ownLog, journal, files, denials, df, top, clocks, openssl, curl, ping, flappingClues, farEdge],
    ...[toolNames(edgeHost), connections(edgeHost)],
  ]
  const clues = readers.flatMap((read) => read(lines))
  const codes = [...new Set(clues.map(({ code }) => code))]
  const roots = codes.filter((code) => !codes.some((other) => isEchoOf(code, other)))
  if (roots.length > 0) {
    const findings = roots.map((code) => findingOf(clues.filter((clue) => clue.code === code)))
    return { is: 'fault', findings: findings.sort((a, b) => b.lines - a.lines || b.line - a.line) }
  }
  const good = lastGood(lines)
  return good === undefined ? { is: 'unknown' } : { is: 'healthy', line: good.at, quote: quoteOf(good) }
}

/** The last clue leads: what was first said may have changed since. */
function findingOf(clues: readonly Clue[]): LogFinding {
  const { code, hop, line, why } = clues.at(-1)!
  const row = FAULTS[code]
  return {
    hop: hop ?? row.hop,
    code,
    scenario: (row as { scenario?: number }).scenario,
    title: row.title,
    line: line.at,
    quote: quoteOf(line),
    lines: clues.length,
    cause: why ?? row.cause,
    fix: row.fix,
    verify: row.verify,
  }
}

function quoteOf({ text }: LogLine): string {
  return text.slice(0, 300)
}

export function renderLogVerdict(said: LogVerdict): string {
  const verdict = shown(said)
  if (verdict.is === 'unknown') return 'inconclusive: no line points to one fault'
  if (verdict.is === 'healthy') return `healthy, as of line ${verdict.line}: ${verdict.quote}`
  return verdict.findings
    .map(({ hop, code, cause, line, quote, lines, scenario, fix, verify }, i) =>
      [
        `${i === 0 ? '' : '\nalso: '}${hop} ${code}: ${cause}`,
        `  line ${String(line).padEnd(5)}${quote}${lines > 1 ? ` (${lines} such lines)` : ''}`,
        `  fix       ${fix}`,
        `  verify    ${verify}`,
        `  more      docs/faults.md, ${code}${scenario === undefined ? '' : ` (scenario ${scenario})`}`,
      ].join('\n'),
    )
    .join('\n')
}
