import type { SessionResource } from '../api/sessions.ts'
import { wordsOf } from '../base/fault-words.ts'
import { FAULTS, type Hop } from '../base/faults.ts'
import { hostPort } from '../base/host-port.ts'
import { bytesText, milliseconds } from './session-line.ts'
import { inLine, stateText, style } from './terminal.ts'

/** Steps of a set-up in the order in which they happen, by the hop that measures them. */
const STEPS: readonly { key: keyof SessionResource['times']; hop: Hop; name: string }[] = [
  { key: 'policyUs', hop: 'control', name: 'policy' },
  { key: 'selectionUs', hop: 'control', name: 'selection' },
  { key: 'ticketUs', hop: 'control', name: 'ticket' },
  { key: 'handoverUs', hop: 'edge', name: 'handover' },
  { key: 'innerTlsUs', hop: 'connector', name: 'end-to-end TLS' },
  { key: 'dnsUs', hop: 'dns', name: 'resolve' },
  { key: 'connectUs', hop: 'application', name: 'connect' },
]
/** By whose clock: the client's where both ends have it, as its user waited that long. */
const MEASURED: readonly (readonly [by: string, keys: readonly (keyof SessionResource['times'])[]])[] = [
  ['the server (policy, selection)', ['policyUs', 'selectionUs']],
  ['the device (ticket to TLS, and total)', ['ticketUs', 'handoverUs', 'innerTlsUs', 'totalUs']],
  ['the connector (resolve, connect)', ['dnsUs', 'connectUs']],
]
const BAR_COLUMNS = 40

/** A session for people: who, where to, by which way, a bar for every step of its set-up, and how it ended. */
export function sessionText(session: SessionResource): string {
  const { names } = session
  const rows: [string, string | undefined][] = [
    ['session', session.id],
    ['state', stateText(session.state)],
    ['user', labelled(names.user, session.user)],
    ['device', labelled(names.device, session.device)],
    ['destination', `${hostPort(session)}/${session.protocol}`],
    ['address', session.address],
    ['segment', labelled(names.segment, session.segment)],
    ['rule', labelled(names.rule, session.rule)],
    ['connector', labelled(names.connector, session.connector)],
    ['chosen', session.because],
    ['edge', labelled(names.edge, session.edge)],
    ['edge chosen', session.edgeBecause],
    ['pipe', session.pipe],
    ['started', `${session.startedAt}, by the server's clock`],
    ['ended', session.endedAt],
    ['bytes', `${bytesText(session.bytesUp)} up, ${bytesText(session.bytesDown)} down`],
    ['close', closeText(session)],
    ['continued as', session.continuedAs],
    ...(session.attempts ?? []).map((attempt): [string, string] => ['tried before', attemptText(attempt)]),
  ]
  const facts = rows
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${style('dim', name.padEnd(12))} ${name === 'close' ? value : inLine(value!)}`)
  return `${facts.join('\n')}\n\n${timeline(session.times)}`
}

/**
 * The set-up, one bar per step from where the one before ended. Each is a length of time that one hop has measured, so
 * that clocks that differ move nothing; what nobody measured lies between the steps, and has no place to be drawn at.
 */
export function timeline(times: SessionResource['times']): string {
  const known = STEPS.filter(({ key }) => times[key] !== undefined)
  const sumUs = known.reduce((sum, { key }) => sum + times[key]!, 0)
  const totalUs = Math.max(times.totalUs ?? 0, sumUs, 1)
  let atUs = 0
  const lines = known.map(({ key, hop, name }) => {
    const us = times[key]!
    const line = row(hop, name, us, bar(atUs, us, totalUs))
    atUs += us
    return line
  })
  if (times.totalUs !== undefined) {
    const restUs = times.totalUs - sumUs
    if (restUs > 0) lines.push(row('client', 'transit, waiting', restUs, style('dim', 'between the steps')))
    if (restUs < 0) lines.push(row('', 'in parallel', -restUs, style('dim', 'steps that overlapped')))
    lines.push(row('', 'user waited', times.totalUs, ''))
  }
  const measured = MEASURED.flatMap(([by, keys]) =>
    keys.some((key) => times[key] !== undefined) ? [by] : [],
  )
  if (measured.length > 0)
    lines.push(style('dim', `measured by ${measured.join(', ')}, each with its own clock`))
  if (times.innerTlsUs === undefined)
    lines.push(style('dim', 'no handover: a tunnel to the connector was already open'))
  return lines.join('\n')
}

function row(hop: string, name: string, us: number, drawn: string): string {
  return `${style('dim', hop.padEnd(12))} ${name.padEnd(16)} ${milliseconds(us).padStart(8)}  ${drawn}`.trimEnd()
}

function bar(fromUs: number, us: number, totalUs: number): string {
  const start = Math.min(BAR_COLUMNS - 1, Math.floor((fromUs / totalUs) * BAR_COLUMNS))
  const length = Math.max(1, Math.round((us / totalUs) * BAR_COLUMNS))
  return ' '.repeat(start) + style('cyan', '█'.repeat(Math.min(length, BAR_COLUMNS - start)))
}

function labelled(name: string | undefined, id: string | undefined): string | undefined {
  return name !== undefined && id !== undefined && name !== id ? `${name} ${style('dim', id)}` : (name ?? id)
}

function attemptText(attempt: NonNullable<SessionResource['attempts']>[number]): string {
  const { id, connector, connectorName, closeReason, closeHop, closeDetail } = attempt
  const through = labelled(connectorName, connector) ?? 'no connector'
  const end = closeReason === undefined ? 'its end is unknown' : `${closeReason} (${closeHop ?? ''})`
  return `${through}: ${end}${closeDetail ? `: ${closeDetail}` : ''}; session ${id}`
}

function closeText({ closeReason, closeHop, closeDetail, host, port }: SessionResource): string | undefined {
  if (closeReason === undefined) return undefined
  if (closeReason === 'done') return `done${closeHop === undefined ? '' : `, closed by ${closeHop}`}`
  const { title, fix } = wordsOf({ code: closeReason, seen: {} }, { APP: host, PORT: port })
  return `${style('red', closeReason)} (${closeHop ?? FAULTS[closeReason].hop}): ${title}: ${inLine(closeDetail ?? '')}\n${' '.repeat(13)}fix: ${fix}`
}
