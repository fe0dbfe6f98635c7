import type { FaultCode, Hop } from '../../base/faults.ts'
import type { LogLine } from './log-lines.ts'

/** A line that speaks for a fault. */
export interface Clue {
  readonly code: FaultCode
  readonly hop?: Hop
  readonly line: LogLine
  /** What the line says about here and now, in words; else the cause of the table serves. */
  readonly why?: string
}

export type ClueReader = (lines: readonly LogLine[]) => Clue[]

export interface Pattern {
  readonly code: FaultCode
  readonly says: RegExp
  readonly why?: (found: RegExpExecArray) => string | undefined
}

/** A reader of lines that each speak for themselves. */
export function byLine(patterns: readonly Pattern[]): ClueReader {
  return (lines) =>
    lines.flatMap((line) =>
      patterns.flatMap(({ code, says, why }) => {
        const found = line.fields === undefined ? says.exec(line.text) : null
        return found === null ? [] : [{ code, line, why: why?.(found) }]
      }),
    )
}
