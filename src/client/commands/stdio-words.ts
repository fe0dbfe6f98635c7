/**
 * What `client connect` says on standard error, where ssh shows it.
 *
 * @module
 */
import { askAdmin, denialOf } from '../../base/ask-admin.ts'
import { wordsOf } from '../../base/fault-words.ts'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { visibleLine } from '../../base/visible-text.ts'
import { type AskedDestination, askAbout } from '../address/ask-about.ts'
import { signedIn } from './signed-in.ts'

/** One line, once nothing has come for `ms`. */
export function inBriefUnanswered(to: AskedDestination, ms: number): string {
  const detail = `${hostPort(to)}: connected, but no answer in ${Math.round(ms / 1000)} s`
  return inBrief(new Fault('APP_SILENT', detail), to)
}

/** While the session goes on: one line, and where more is said. */
export function inBrief({ code, hop, detail }: Fault, to: AskedDestination): string {
  return `${visibleLine(`backstitch: ${code} (${hop}): ${detail}; more: ${askAbout(to)}`)}\n`
}

/** @param stateDir Tells who an admin is to be asked for. */
export async function inWords(fault: Fault, to: AskedDestination, stateDir: string): Promise<string> {
  return allWords(fault, to, await signedIn(stateDir))
}

/** The first line is for whoever searches logs for it; behind ssh nobody sees more of us than this. */
function allWords(fault: Fault, to: AskedDestination, user: string | undefined): string {
  const id = denialOf(fault)
  const denied = id === undefined ? '' : ` [ask an admin about ${id}]`
  const ask = askAdmin(fault, { user, to: hostPort(to) })
  const { cause, fix } = wordsOf(fault, { APP: to.host, PORT: to.port })
  return [
    `backstitch: ${hostPort(to)}: ${fault.code} (${fault.hop}): ${fault.detail}${denied}`,
    `  cause  ${cause}`,
    `  fix    ${fix}`,
    ...(ask === undefined ? [] : [`  ask    an admin: ${ask}`]),
    `  more   ${askAbout(to)}`,
  ]
    .map((line) => `${visibleLine(line.replaceAll(/[\t\r\n]+/g, ' '))}\n`)
    .join('')
}
