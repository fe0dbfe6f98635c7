/**
 * What control can say of a connector that is not there: only what it last knew, what its peers see, and whether its
 * key, certificate or generation explains it. Why its own way is cut can be seen on its own machine alone.
 *
 * @module
 */
import { rfc3339 } from '../../base/clock.ts'
import { fillIn } from '../../base/fault-words.ts'
import { FAULTS, type FaultCode, type Hop } from '../../base/faults.ts'
import type { Parting } from '../../base/parting.ts'
import { partingText } from '../../policy/parting-text.ts'
import type { KeyState } from '../../store/keys.ts'
import type { Absence } from '../presence/departures.ts'

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
  /** The name of its group. */
  readonly group?: string
  /** The key it enrolled with; none: it was deleted. */
  readonly key?: { readonly name: string; readonly state: KeyState }
  readonly absence: Absence
  /** The other members of its group. */
  readonly peers: readonly GroupMember[]
}

export interface GroupMember {
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

type ConnectorFinding = Pick<DisconnectedVerdict, 'code' | 'cause' | 'fix'> & { readonly hop?: Hop }

/** The first explanation that fits: what control itself decided, then what it was told, then who else is gone. */
export function explainDisconnected(facts: DisconnectedFacts): DisconnectedVerdict {
  const { connector } = facts
  const found =
    disabled(facts) ??
    certificateEnded(facts) ??
    refused(facts) ??
    stopped(facts) ??
    ended(facts) ??
    siteOrBox(facts)
  return {
    ...found,
    hop: found.hop ?? FAULTS[found.code].hop,
    seen: evidence(facts),
    run: ON_THE_BOX,
    verify: { run: `backstitch get connector ${connector.name}`, expect: 'healthy' },
  }
}

function disabled({ connector }: DisconnectedFacts): ConnectorFinding | undefined {
  if (connector.enabled) return undefined
  const cause = `An admin disabled ${connector.name}; the control plane no longer admits it.`
  return { code: 'IDENTITY_REVOKED', cause, fix: 'Enable it again if it should serve.' }
}

function certificateEnded({ connector, key, group, nowMs }: DisconnectedFacts): ConnectorFinding | undefined {
  if (connector.notAfterMs > nowMs) return undefined
  const ended = `Its certificate expired at ${rfc3339(connector.notAfterMs)} and was not renewed in time.`
  const back = fillIn(
    'backstitch key create --group GROUP, and put the key into its key file: it reconnects by itself.',
    { GROUP: group },
  )
  if (key?.state === 'usable') return { code: 'CERT_EXPIRED', cause: ended, fix: back }
  const why = key === undefined ? 'was deleted' : `is ${key.state}`
  return { code: 'CERT_EXPIRED', cause: `${ended} The key it enrolled with ${why}.`, fix: back }
}

/** It reached control since it left: whatever is wrong, it is not the way. */
function refused({ absence: { refused: met } }: DisconnectedFacts): ConnectorFinding | undefined {
  if (met === undefined) return undefined
  const { code, hop, detail } = met.fault
  const again = met.times === 1 ? 'once' : `${met.times} times, last`
  const cause = `It reached the control plane ${again} at ${rfc3339(met.atMs)} and was refused: ${detail}.`
  return { code, hop, cause, fix: FAULTS[code].fix }
}

/** Its process has ended, and it said who or what ended it. */
function stopped({ absence: { left } }: DisconnectedFacts): ConnectorFinding | undefined {
  const ended = left?.orderly && left.parting && whyEnded(left.parting, rfc3339(left.atMs))
  return ended ? { code: 'DAEMON_DOWN', hop: 'connector', ...ended } : undefined
}

const START = 'On its machine: systemctl enable --now backstitch-connector.'

function whyEnded({ why, detail }: Parting, at: string): Pick<ConnectorFinding, 'cause' | 'fix'> | undefined {
  switch (why) {
    case 'shutdown':
      return {
        cause: `Its machine was shut down or restarted at ${at}, and its daemon has not come back.`,
        fix: `Start the machine. ${START}`,
      }
    case 'service-stop':
      return { cause: `Its service was stopped at ${at}: systemctl stop ${detail}.`, fix: START }
    case 'service-restart':
      return {
        cause: `Its service was to restart at ${at} (${detail}) and has not come back.`,
        fix: `On its machine: journalctl -u ${detail} -n 50; then systemctl restart ${detail}.`,
      }
    case 'upgrade':
      return {
        cause: `Its daemon exited at ${at} for an update, ${detail}, and has not come back.`,
        fix: 'On its machine: journalctl -u backstitch-connector -n 50; then start it, or go back to the previous version.',
      }
    case 'signal':
      return {
        cause: `Its daemon was told to stop by ${detail} at ${at}; the sender of the signal is unknown.`,
        fix: START,
      }
    case 'parent-gone':
      return {
        cause: `The process that had started it exited at ${at}, and it stopped with it.`,
        fix: `Run it as a service of its own. ${START}`,
      }
    default:
      return undefined // it meant to come back
  }
}

/** For a sentence that goes on with who else is gone. */
function howGone({ absence: { left } }: DisconnectedFacts): string {
  if (left?.fault?.code === 'STOOD_STILL')
    return 'The control plane itself was paused, which ended its connection, and it did not come back,'
  if (left?.orderly !== true) return 'It stopped responding'
  if (left.parting === undefined) return 'It said goodbye for an unknown reason and did not come back,'
  return `It disconnected, ${partingText(left.parting)}, and did not come back,`
}

/**
 * Its end was seen: the kernel of its machine, or a box on the way, closed the connection in its place. Those of one site
 * that end in one moment are a box or a person there.
 */
function ended(facts: DisconnectedFacts): ConnectorFinding | undefined {
  const { left } = facts.absence
  if (left?.lost !== 'closed') return undefined
  const together = neighboursOf(facts).filter((peer) => !peer.connected && leftWith(facts, peer))
  const at = rfc3339(left.atMs)
  const others = together.map(({ name }) => name).join(', ')
  const cause =
    together.length === 0
      ? `Its connection was closed at ${at} without a goodbye: its process exited, was killed or crashed; or a middlebox reset the connection.`
      : `Its connection was closed at ${at} without a goodbye, at the same time as that of ${others} from the same address: their processes exited, or a middlebox at that site resets connections.`
  const fix =
    'On its machine: systemctl status backstitch-connector, and journalctl -u backstitch-connector -n 50.'
  return { code: 'CONNECTOR_DISCONNECTED', cause, fix }
}

/** Silence. Who else of the same place is gone tells the site from the box. */
function siteOrBox(facts: DisconnectedFacts): ConnectorFinding {
  const neighbours = neighboursOf(facts)
  const { name } = facts.connector
  const address = addressOf(facts)
  const { fix } = FAULTS.CONNECTOR_DISCONNECTED
  const here = neighbours.filter((peer) => peer.connected)
  const code = 'CONNECTOR_DISCONNECTED'
  if (here.length > 0) {
    const who = here.map((peer) => peer.name).join(', ')
    const cause = `${howGone(facts)} while ${who} of its group is connected from the same public address ${address}: this machine is at fault, not the site.`
    return { code, cause, fix }
  }
  const gone = neighbours.filter((peer) => leftWith(facts, peer))
  if (gone.length > 0) {
    const who = gone.map((peer) => peer.name).join(', ')
    const cause = `${howGone(facts)} at the same time as ${who}, which came from the same public address ${address}: the site, its uplink or its firewall is at fault.`
    return {
      code,
      cause,
      fix: `Check the internet access of the site at ${address}; then run the doctor on one of its connectors.`,
    }
  }
  if (facts.absence.left === undefined) {
    const cause = `${name} has not connected since the control plane started; no member of its group is close enough to tell whether the site or the machine is at fault.`
    return { code, cause, fix }
  }
  const how = howGone(facts).replace(/,$/, '')
  const cause = `${how}; no member of its group at the same public address can tell whether the site or the machine is at fault.`
  return { code, cause, fix }
}

function neighboursOf(facts: DisconnectedFacts): readonly GroupMember[] {
  const address = addressOf(facts)
  return address === undefined ? [] : facts.peers.filter((peer) => peer.address === address)
}

function addressOf({ connector, absence }: DisconnectedFacts): string | undefined {
  return absence.left?.address ?? connector.lastAddress
}

function leftWith(facts: DisconnectedFacts, { lastSeenMs }: GroupMember): boolean {
  const atMs = leftAtMs(facts)
  return atMs !== undefined && lastSeenMs !== undefined && Math.abs(lastSeenMs - atMs) <= SAME_TIME_MS
}

/** When it was last there. */
export function leftAtMs({
  connector,
  absence,
}: Pick<DisconnectedFacts, 'connector' | 'absence'>): number | undefined {
  return absence.left?.atMs ?? connector.lastSeenMs
}

function evidence(facts: DisconnectedFacts): string[] {
  const { connector, key, absence, peers } = facts
  const { left, refused: met } = absence
  const atMs = leftAtMs(facts)
  const address = addressOf(facts)
  const near = neighboursOf(facts)
  const connected = (some: readonly GroupMember[]) => some.filter((peer) => peer.connected).length
  return [
    atMs === undefined
      ? 'it has never been connected'
      : `last connected ${rfc3339(atMs)}${address === undefined ? '' : ` from ${address}`}`,
    left === undefined ? 'how it left is unknown: the control plane has restarted since' : howItLeft(left),
    ...(left === undefined ? [] : [lastWords(left.said)]),
    ...(met === undefined ? [] : [`refused ${rfc3339(met.atMs)} from ${met.address}: ${met.fault.code}`]),
    peers.length === 0
      ? 'its group has no other member'
      : `${connected(peers)} of ${peers.length} others in its group are connected`,
    ...(near.length === 0
      ? []
      : [`${connected(near)} of ${near.length} of those from the same public address are connected`]),
    `certificate valid until ${rfc3339(connector.notAfterMs)}, generation ${connector.generation}`,
    key === undefined
      ? 'the key it enrolled with was deleted'
      : `the key it enrolled with, ${key.name}, is ${key.state}`,
  ]
}

function howItLeft({ orderly, fault, parting }: NonNullable<Absence['left']>): string {
  if (orderly) return `it closed its connection itself: ${partingText(parting)}`
  return `its connection ended: ${fault === undefined ? 'no reason known' : fault.detail}`
}

function lastWords(said: NonNullable<Absence['left']>['said']): string {
  const { state, sessions, tunnels, cpuPercent, rssBytes } = said
  const figures = `cpu ${Math.round(cpuPercent)} %, memory ${Math.round(rssBytes / 1e6)} MB`
  return `it last reported: ${state}, ${sessions} sessions in ${tunnels} tunnels, ${figures}`
}
