import { Fault, type FaultCode, type Hop } from '../base/faults.ts'
import { idTimeMs } from '../base/ids.ts'
import type { SessionReport, SessionTimes } from '../wire/control.ts'

/** What the control plane has fixed with the grant: no end has a word in it. */
export interface SessionFixed {
  readonly grant: string
  readonly user: string
  readonly device: string
  readonly connector: string
  readonly segment: string
  readonly rule: string
  readonly host: string
}

/** What the control plane knows besides, as of when the session was recorded. What is not known is not there. */
export interface SessionNames {
  readonly userName?: string
  readonly deviceName?: string
  readonly segmentName?: string
  readonly ruleName?: string
  readonly connectorName?: string
  readonly edgeName?: string
  /** Why the pipe went over this edge. */
  readonly edgeBecause?: string
  /** A trace that the control plane asked for, not a person's. */
  readonly canary?: true
}

/** Some of it is missing of sessions from before. */
export type RecordedSessionFacts = Partial<SessionFixed> & SessionNames

/** One session as everyone together saw it. */
export interface SessionRecord extends RecordedSessionFacts {
  readonly id: string
  readonly state: 'open' | 'closed'
  readonly protocol: 'tcp' | 'udp'
  readonly host: string
  readonly port: number
  readonly address?: string
  readonly pipe?: string
  readonly edge?: string
  /** As its id says, by the clock of the control plane. */
  readonly startedMs: number
  readonly endedMs?: number
  /** Each time from the hop that measured it. */
  readonly times: SessionTimes
  readonly bytesUp: number
  readonly bytesDown: number
  readonly closeReason?: 'done' | FaultCode
  readonly closeHop?: Hop
  readonly closeDetail?: string
  /** It failed before its user noticed, and this session was opened in its place. */
  readonly continuedAs?: string
  /** What was tried before it and failed, oldest first: all of it is one session to its user. */
  readonly attempts?: readonly SessionRecord[]
  /** The two ends' own words. */
  readonly sides: { readonly client?: SessionReport; readonly connector?: SessionReport }
}

/** What a record is made of. */
export interface KnownSession {
  readonly id: string
  readonly facts: RecordedSessionFacts
  readonly client?: SessionReport
  readonly connector?: SessionReport
  /** No end has told how it ended, and none will: by the control plane, which says when that was. */
  readonly vanished?: { readonly atMs: number; readonly hop: Hop; readonly detail: string }
}

/** A report, whose it is as its certificate says, and the grant that it names as the control plane gave it. */
export interface ReportedSession {
  readonly report: SessionReport
  /** Id of the device or connector that tells. */
  readonly agent: string
  /** None where the grant is not known, or not any more: then the session must be. */
  readonly fixed?: SessionFixed
  readonly names?: SessionNames
}

/** What an end says once, and never otherwise. */
const SAID_ONCE = ['protocol', 'port', 'startedMs'] as const

/**
 * Adds one end's report to what is known. What the grant fixes stays as it was given. What an end has said of its end is its
 * last word: told twice, or told otherwise, it changes nothing.
 *
 * @returns `before` itself if nothing changed.
 * @throws {Fault} FORBIDDEN if there is no such grant, it is of another device, connector or grant than the session, or the
 *   end has said otherwise before.
 */
export function joinSession(before: KnownSession | undefined, reported: ReportedSession): KnownSession {
  const { report, agent, names = {} } = reported
  const { side } = report
  const fixed = before?.facts ?? reported.fixed
  if (fixed === undefined) throw forbidden(report, 'its grant is unknown')
  if (fixed.grant !== report.grant)
    throw forbidden(report, `it belongs to grant ${fixed.grant}, not ${report.grant}`)
  const holder = side === 'client' ? fixed.device : fixed.connector
  if (holder !== agent) throw forbidden(report, `it belongs to ${holder}, not to ${agent}`)
  const said = before?.[side]
  if (said?.state === 'closed') return before!
  for (const key of SAID_ONCE) {
    if (said !== undefined && said[key] !== report[key])
      throw forbidden(report, `its ${side} reported ${key} ${said[key]} before, and now ${report[key]}`)
  }
  return {
    id: report.session,
    facts: factsOf(before?.facts, reported.fixed, names, side),
    client: before?.client,
    connector: before?.connector,
    // Not `vanished`: whoever tells of it has come back. Once it is over nobody asks in which process it was.
    [side]: report.state === 'open' ? report : told(report),
  }
}

/** The first word stands; of the edge that of the connector, which nobody else's device runs. */
function factsOf(
  before: RecordedSessionFacts | undefined,
  fixed: SessionFixed | undefined,
  names: SessionNames,
  side: SessionReport['side'],
): RecordedSessionFacts {
  const facts = { ...fixed, ...names, ...before }
  const { edgeName, edgeBecause } = names
  return side === 'connector' && edgeName !== undefined ? { ...facts, edgeName, edgeBecause } : facts
}

function forbidden({ session }: SessionReport, why: string): Fault {
  return new Fault('FORBIDDEN', `session ${session}: ${why}`)
}

/** Closed is closed as soon as one end says so. A fault outweighs `done`: the end that saw it knows more. */
export function recordOf({ id, facts, client, connector, vanished }: KnownSession): SessionRecord {
  const ends = [connector, client].filter((side) => side !== undefined)
  // The connector has verified the grant for what it says.
  const first = <K extends keyof SessionReport>(key: K): SessionReport[K] | undefined =>
    ends.find((side) => side[key] !== undefined)?.[key]
  const closing = closingSide(ends)
  const isClosed = ends.some((side) => side.state === 'closed')
  const gone = isClosed ? undefined : vanished
  const startedMs = idTimeMs(id)
  return {
    ...facts,
    id,
    state: isClosed || gone !== undefined ? 'closed' : 'open',
    protocol: first('protocol')!,
    host: facts.host ?? '',
    port: first('port')!,
    address: first('address'),
    pipe: first('pipe'),
    edge: first('edge'),
    startedMs,
    endedMs: gone?.atMs ?? endOf(ends, startedMs),
    times: {
      ...connector?.times,
      ...client?.times,
      ...pick(connector?.times, ['dnsUs', 'connectUs']),
    },
    bytesUp: Math.max(0, ...ends.map((side) => side.bytesUp)),
    bytesDown: Math.max(0, ...ends.map((side) => side.bytesDown)),
    closeReason: gone ? 'AGENT_VANISHED' : closing?.closeReason,
    closeHop: gone?.hop ?? closing?.closeHop,
    closeDetail: gone?.detail ?? closing?.closeDetail,
    continuedAs: continuedAs(client, connector),
    sides: { client: told(client), connector: told(connector) },
  }
}

/** As the client says, unless its connector knows that the application took part: that is a session of its own. */
function continuedAs(client: SessionReport | undefined, connector: SessionReport | undefined) {
  if (client?.state !== 'closed' || client.closeReason === 'done') return undefined
  const tookPart =
    connector !== undefined &&
    (connector.bytesUp > 0 || connector.bytesDown > 0 || connector.closeHop === 'application')
  return tookPart ? undefined : client.continuedAs
}

/** Each end has a clock of its own: how long it lasted is what it can tell. The longer one counts. */
function endOf(ends: readonly SessionReport[], startedMs: number): number | undefined {
  const lasted = ends.flatMap((side) => (side.endedMs === undefined ? [] : side.endedMs - side.startedMs))
  return lasted.length === 0 ? undefined : startedMs + Math.max(...lasted)
}

/** Which process it was is nobody's business but the control plane's. */
function told<Side extends SessionReport | undefined>(side: Side): Side {
  if (side?.run === undefined) return side
  return { ...side, run: undefined }
}

function closingSide(ends: readonly SessionReport[]): SessionReport | undefined {
  const closed = ends.filter((side) => side.closeReason !== undefined)
  return closed.find((side) => side.closeReason !== 'done') ?? closed[0]
}

function pick(times: SessionTimes | undefined, keys: readonly (keyof SessionTimes)[]): SessionTimes {
  const found: SessionTimes = {}
  for (const key of keys) if (times?.[key] !== undefined) found[key] = times[key]
  return found
}
