import { Fault, type FaultCode, type Hop } from '../base/faults.ts'
import type { SessionReport, SessionTimes } from '../wire/control.ts'

/** What the control plane knows of a session and neither end need say. */
export interface SessionFacts {
  readonly userName?: string
  readonly deviceName?: string
  readonly segmentName?: string
  readonly ruleName?: string
  readonly connectorName?: string
  readonly user?: string
  readonly device?: string
  readonly connector?: string
  readonly edge?: string
  readonly segment?: string
  readonly rule?: string
  readonly grant?: string
  /** Why this connector was chosen. */
  readonly because?: string
  readonly edgeName?: string
  /** Why the pipe went over this edge. */
  readonly edgeBecause?: string
  /** As the control plane measured them. */
  readonly times?: SessionTimes
}

/** One session as everyone together saw it. */
export interface SessionRecord extends SessionFacts {
  readonly id: string
  readonly state: 'open' | 'closed'
  readonly protocol: 'tcp' | 'udp'
  readonly host: string
  readonly port: number
  readonly address?: string
  readonly pipe?: string
  readonly startedMs: number
  readonly endedMs?: number
  /** Each time from the hop that measured it. */
  readonly times: SessionTimes
  readonly bytesUp: number
  readonly bytesDown: number
  /** A trace, not a person's. */
  readonly canary?: true
  readonly closeReason?: 'done' | FaultCode
  readonly closeHop?: Hop
  readonly closeDetail?: string
  /** The two ends' own words. */
  readonly sides: { readonly client?: SessionReport; readonly connector?: SessionReport }
}

/**
 * Adds one end's report to what is known.
 *
 * Closed is closed as soon as one end says so. A fault outweighs `done`: the end that saw it knows more.
 *
 * @throws {Fault} FORBIDDEN if another device or connector has reported this side before.
 */
export function joinSession(
  before: SessionRecord | undefined,
  report: SessionReport,
  facts: SessionFacts = {},
): SessionRecord {
  const holder = report.side === 'client' ? 'device' : 'connector'
  // Not by what the other end says of it: a client that names a false connector would silence the real one.
  const known = before?.sides[report.side]?.[holder]
  if (known !== undefined && report[holder] !== undefined && known !== report[holder]) {
    const detail = `session ${report.session} belongs to ${known}, not to ${report[holder]}`
    throw new Fault('FORBIDDEN', detail)
  }
  const sides = { ...before?.sides, [report.side]: report }
  const { client, connector } = sides
  const ends = [connector, client].filter((side) => side !== undefined)
  const first = <K extends keyof SessionReport>(key: K): SessionReport[K] | undefined =>
    ends.find((side) => side[key] !== undefined)?.[key]
  const closing = closingSide(ends)
  return {
    ...before,
    ...stated(facts),
    id: report.session,
    state: ends.some((side) => side.state === 'closed') ? 'closed' : 'open',
    protocol: report.protocol,
    host: report.host,
    port: report.port,
    address: first('address'),
    pipe: first('pipe') ?? before?.pipe,
    user: facts.user ?? before?.user ?? client?.user,
    device: facts.device ?? before?.device ?? client?.device,
    connector: facts.connector ?? connector?.connector ?? before?.connector ?? client?.connector,
    edge: facts.edge ?? first('edge') ?? before?.edge,
    // The connector has it from a grant it verified.
    segment: facts.segment ?? first('segment') ?? before?.segment,
    rule: facts.rule ?? first('rule') ?? before?.rule,
    startedMs: client?.startedMs ?? connector?.startedMs ?? report.startedMs,
    endedMs: client?.endedMs ?? connector?.endedMs,
    times: {
      ...connector?.times,
      ...client?.times,
      ...pick(connector?.times, ['dnsUs', 'connectUs']),
      ...pick(before?.times, ['policyUs', 'selectionUs', 'ticketUs']),
      ...facts.times,
    },
    bytesUp: Math.max(0, ...ends.map((side) => side.bytesUp)),
    bytesDown: Math.max(0, ...ends.map((side) => side.bytesDown)),
    canary: first('canary'),
    closeReason: closing?.closeReason,
    closeHop: closing?.closeHop,
    closeDetail: closing?.closeDetail,
    sides,
  }
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

function stated(facts: SessionFacts): SessionFacts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}
