/**
 * Why a connector is not there, in the few words that a list has room for.
 *
 * @module
 */
import { rfc3339 } from '../../base/clock.ts'
import type { FaultCode } from '../../base/faults.ts'
import { leftText } from '../../policy/parting-text.ts'
import { type DisconnectedFacts, explainDisconnected, leftAtMs } from './disconnected.ts'

export interface Away {
  readonly code: FaultCode
  readonly because: string
}

type AwayFacts = Pick<DisconnectedFacts, 'nowMs' | 'absence' | 'connector'>

export function awayBriefly(facts: AwayFacts): Away {
  // Key and peers make its words, and not its code.
  const { code } = explainDisconnected({ ...facts, peers: [] })
  return { code, because: because(facts) }
}

/** In the order of `explainDisconnected`. */
function because(facts: AwayFacts): string {
  const { connector, absence, nowMs } = facts
  const { left, refused } = absence
  if (!connector.enabled) return 'disabled by an admin'
  if (connector.notAfterMs <= nowMs) return `its certificate expired ${rfc3339(connector.notAfterMs)}`
  if (refused !== undefined) return `keeps trying and is refused, last ${rfc3339(refused.atMs)}`
  const atMs = leftAtMs({ connector, absence })
  if (atMs === undefined) return 'never connected'
  const at = rfc3339(atMs)
  if (left === undefined) return `not back since the server started, last seen ${at}`
  if (left.orderly) return `${leftText(left.parting?.why)} ${at}`
  if (left.fault?.code === 'STOOD_STILL') return `not back since the server itself was paused ${at}`
  return left.lost === 'closed' ? `closed without a goodbye ${at}` : `not responding since ${at}`
}
