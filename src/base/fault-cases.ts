/**
 * Rows of the fault table that hold several cases, which the evidence tells apart: cause and fix of the case at hand.
 *
 * @module
 */
import { FAULTS, type Fault, type FaultCode, isFaultCode } from './faults.ts'

export interface CaseWords {
  readonly cause: string
  readonly fix: string
}

/** Nothing: the row says it. */
export function caseOf({ code, seen }: Pick<Fault, 'code' | 'seen'>): CaseWords | undefined {
  if (code === 'CONTROL_UNREACHABLE') return controlIsAway(seen)
  if (MADE_ANEW.has(code) && seen.edge !== undefined) return keyOfEdge(code)
  return code === 'NO_HEALTHY_CONNECTOR' ? nobodyServes(seen) : undefined
}

/** Keys that another one takes the place of. */
const MADE_ANEW: ReadonlySet<FaultCode> = new Set(['KEY_EXPIRED', 'KEY_EXHAUSTED', 'KEY_REVOKED'])

/** What is made for an edge names the edge, and not a group. */
function keyOfEdge(code: FaultCode): CaseWords {
  const { cause, fix } = FAULTS[code]
  return { cause, fix: fix.replace('--group GROUP', '--edge EDGE') }
}

/** What keeps the connection down says more than that it is down. */
function controlIsAway({ because }: Fault['seen']): CaseWords | undefined {
  if (typeof because !== 'string' || !isFaultCode(because) || because === 'CONTROL_UNREACHABLE')
    return undefined
  if (because === 'HANDSHAKE_TIMEOUT') return HELD
  const { cause, fix } = FAULTS[because]
  return { cause: `This device has no connection to the control plane. ${cause}`, fix }
}

/** TCP alone: from a device, a server that hangs and a middlebox that keeps TLS to itself look the same. */
const HELD: CaseWords = {
  cause:
    'TCP connects, but TLS gets no answer: the server hangs, or something on the path holds TLS back. This device has no connection to the control plane.',
  fix: 'Check the control plane; sessions with valid grants continue meanwhile. If it is running, backstitch doctor client checks the path to it.',
}

const ENROL =
  'Enrol a connector: backstitch key create --group GROUP, and put the key into the key file on its machine.'

/** A connector that was deleted is not brought back, and where none ever was there is no reason beside a name. */
function nobodyServes({ members, deleted }: Fault['seen']): CaseWords | undefined {
  const out = Array.isArray(members) ? members.length : undefined
  if (out === undefined) return undefined
  if (out === 0) return { cause: 'The groups behind the segment have no connector.', fix: ENROL }
  const gone = Array.isArray(deleted) ? deleted.length : 0
  if (gone === 0) {
    return {
      cause:
        'No connector behind the segment can serve it: each is out for the reason given next to its name.',
      fix: 'Bring one of them back: run sudo backstitch doctor connector on its machine. Keep at least two in each group.',
    }
  }
  if (gone === out) {
    const cause = 'The connectors behind the segment were deleted, and none has been enrolled since.'
    return { cause, fix: ENROL }
  }
  return {
    cause:
      'No connector behind the segment can serve it: each is out or was deleted, for the reason given next to its name.',
    fix: 'Bring back one that still exists: run sudo backstitch doctor connector on its machine. Or enrol another: backstitch key create --group GROUP',
  }
}
