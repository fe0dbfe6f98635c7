import { wordsOf } from '../base/fault-words.ts'
import type { Fault } from '../base/faults.ts'
import { inLine, style } from './terminal.ts'

/** A fault for people: code, hop and what happened; what was seen; cause, fix, verify. */
export function faultText(fault: Fault): string {
  const row = wordsOf(fault)
  const seen = Object.entries(fault.seen)
  const lines = [
    `${style(['red', 'bold'], fault.code, process.stderr)} (${fault.hop}): ${row.title}: ${inLine(fault.detail)}`,
    ...(seen.length === 0
      ? []
      : [field('seen', inLine(seen.map(([name, value]) => `${name}=${value}`).join(' ')))]),
    field('cause', row.cause),
    field('fix', row.fix),
    field('verify', row.verify),
  ]
  return lines.join('\n')
}

function field(name: string, text: string): string {
  return `  ${style('dim', name.padEnd(6), process.stderr)}  ${text}`
}

/** The same for programs. */
export function faultJson(fault: Fault): object {
  const { title, cause, fix, verify } = wordsOf(fault)
  const { code, hop, detail, retry, seen } = fault
  return { code, hop, title, detail, retry, seen, cause, fix, verify }
}
