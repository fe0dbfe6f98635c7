/**
 * What control can say of a connector that is not there: only what it last knew, what its peers see, and whether its
 * key, certificate or generation explains it. Why its own way is cut can be seen on its own machine alone.
 *
 * @module
 */
import { rfc3339 } from '../base/clock.ts'
import { FAULTS, type FaultCode, type Hop } from '../base/faults.ts'
import type { Absence } from './agents/departures.ts'

export interface DisconnectedFacts {
  readonly nowMs: number
  readonly connector: {
    readonly name: string
    readonly enabled: boolean
    readonly notAfterMs: number
    readonly generation: number
    readonly lastSeenMs?: number
    readonly lastAddress?: string
  }
  /** The key it enrolled with; none: it was deleted. */
  readonly key?: { readonly name: string; readonly state: 'usable' | 'exhausted' | 'expired' | 'revoked' }
  readonly absence: Absence
  /** The other members of its group. */
  readonly peers: readonly Peer[]
}

export interface Peer {
  readonly name: string
  readonly connected: boolean
  /** Where it is, or was last, connected from. */
  readonly address?: string
  readonly lastSeenMs?: number
}

export interface DisconnectedVerdict {
  readonly code: FaultCode
  readonly hop: Hop
  readonly cause: string
  /** Evidence, in the order it counts. */
  readonly seen: readonly string[]
  readonly fix: string
  /** On its machine. */
  readonly run: string
  readonly verify: { readonly run: string; readonly expect: string }
}

const ON_THE_BOX = 'sudo backstitch doctor connector'
/** Connectors of one site that a cut takes away are noticed gone within this of each other. */
const SAME_TIME_MS = 60_000

type Finding = Pick<DisconnectedVerdict, 'code' | 'cause' | 'fix'> & { readonly hop?: Hop }

/** The first explanation that fits: what control itself decided, then what it was told, then who else is gone. */
export function explainDisconnected(facts: DisconnectedFacts): DisconnectedVerdict {
  const { connector } = facts
  const found =
    disabled(facts) ?? certificateEnded(facts) ?? refused(facts) ?? stopped(facts) ?? siteOrBox(facts)
  return {
    ...found,
    hop: found.hop ?? FAULTS[found.code].hop,
    seen: evidence(facts),
    run: ON_THE_BOX,
    verify: { run: `backstitch get connector ${connector.name}`, expect: 'healthy' },
  }
}

function disabled({ connector }: DisconnectedFacts): Finding | undefined {
  if (connector.enabled) return undefined
  const cause = `An admin has disabled ${connector.name}; control lets it in no more.`
  return { code: 'IDENTITY_REVOKED', cause, fix: 'Enable it again, if it should serve.' }
}

function certificateEnded({ connector, key, nowMs }: DisconnectedFacts): Finding | undefined {
  if (connector.notAfterMs > nowMs) return undefined
  const ended = `Its certificate ended at ${rfc3339(connector.notAfterMs)} and was not renewed in time.`
  const back = `backstitch key create --group GROUP, and put the key into its key file: it comes back by itself.`
  if (key?.state === 'usable') return { code: 'CERT_EXPIRED', cause: ended, fix: back }
  const why = key === undefined ? 'was deleted' : `is ${key.state}`
  return { code: 'CERT_EXPIRED', cause: `${ended} The key it enrolled with ${why}.`, fix: back }
}

/** It reached control since it left: whatever is wrong, it is not the way. */
function refused({ absence: { refused: met } }: DisconnectedFacts): Finding | undefined {
  if (met === undefined) return undefined
  const { code, hop, detail } = met.fault
  const again = met.times === 1 ? 'once' : `${met.times} times, last`
  const cause = `It reached control ${again} at ${rfc3339(met.atMs)} and was refused: ${detail}.`
  return { code, hop, cause, fix: FAULTS[code].fix }
}

function stopped({ absence: { left } }: DisconnectedFacts): Finding | undefined {
  if (left?.orderly !== true) return undefined
  const cause = `It said goodbye at ${rfc3339(left.atMs)}: its daemon was stopped, or restarts.`
  const fix = 'On its machine: systemctl enable --now backstitch-connector.'
  return { code: 'DAEMON_DOWN', hop: 'connector', cause, fix }
}

/** Silence. Who else of the same place is gone tells the site from the box. */
function siteOrBox(facts: DisconnectedFacts): Finding {
  const neighbours = neighboursOf(facts)
  const { name } = facts.connector
  const address = addressOf(facts)
  const { fix } = FAULTS.CONNECTOR_DISCONNECTED
  const here = neighbours.filter((peer) => peer.connected)
  const code = 'CONNECTOR_DISCONNECTED'
  if (here.length > 0) {
    const who = here.map((peer) => peer.name).join(', ')
    const cause = `It fell silent while ${who} of its group, from the same public address ${address}, is connected: it is this machine, not the site.`
    return { code, cause, fix }
  }
  const gone = neighbours.filter((peer) => leftWith(facts, peer))
  if (gone.length > 0) {
    const who = gone.map((peer) => peer.name).join(', ')
    const cause = `It fell silent at the same time as ${who}, which came from the same public address ${address}: it is the site, its uplink or its firewall.`
    return {
      code,
      cause,
      fix: `Look at the way out of the site at ${address}; then run the doctor on one of its connectors.`,
    }
  }
  if (facts.absence.left === undefined) {
    const cause = `${name} has not connected since the control plane started; nobody of its group is near enough to tell the site from the machine.`
    return { code, cause, fix }
  }
  const cause =
    'It fell silent; nobody of its group at the same public address can tell the site from the machine.'
  return { code, cause, fix }
}

function neighboursOf(facts: DisconnectedFacts): readonly Peer[] {
  const address = addressOf(facts)
  return address === undefined ? [] : facts.peers.filter((peer) => peer.address === address)
}

function addressOf({ connector, absence }: DisconnectedFacts): string | undefined {
  return absence.left?.address ?? connector.lastAddress
}

function leftWith(facts: DisconnectedFacts, { lastSeenMs }: Peer): boolean {
  const atMs = leftAtMs(facts)
  return atMs !== undefined && lastSeenMs !== undefined && Math.abs(lastSeenMs - atMs) <= SAME_TIME_MS
}

/** When it was last there. */
export function leftAtMs({ connector, absence }: DisconnectedFacts): number | undefined {
  return absence.left?.atMs ?? connector.lastSeenMs
}

function evidence(facts: DisconnectedFacts): string[] {
  const { connector, key, absence, peers } = facts
  const { left, refused: met } = absence
  const atMs = leftAtMs(facts)
  const address = addressOf(facts)
  const near = neighboursOf(facts)
  const connected = (some: readonly Peer[]) => some.filter((peer) => peer.connected).length
  return [
    atMs === undefined
      ? 'it has never been connected'
      : `last connected ${rfc3339(atMs)}${address === undefined ? '' : ` from ${address}`}`,
    left === undefined ? 'how it left is not known: control has started since' : howItLeft(left),
    ...(left === undefined ? [] : [lastWords(left.said)]),
    ...(met === undefined ? [] : [`refused ${rfc3339(met.atMs)} from ${met.address}: ${met.fault.code}`]),
    peers.length === 0
      ? 'its group has no other member'
      : `of its group ${connected(peers)} of ${peers.length} others are connected`,
    ...(near.length === 0
      ? []
      : [`of those from the same public address ${connected(near)} of ${near.length} are connected`]),
    `certificate until ${rfc3339(connector.notAfterMs)}, generation ${connector.generation}`,
    key === undefined
      ? 'the key it enrolled with was deleted'
      : `the key it enrolled with, ${key.name}, is ${key.state}`,
  ]
}

function howItLeft({ orderly, fault }: NonNullable<Absence['left']>): string {
  if (orderly) return 'it closed its connection itself'
  return `its connection ended: ${fault === undefined ? 'no reason known' : `${fault.code}: ${fault.detail}`}`
}

function lastWords(said: NonNullable<Absence['left']>['said']): string {
  const { state, sessions, tunnels, cpuPercent, rssBytes } = said
  const figures = `cpu ${Math.round(cpuPercent)} %, memory ${Math.round(rssBytes / 1e6)} MB`
  return `it last said: ${state}, ${sessions} sessions in ${tunnels} tunnels, ${figures}`
}
