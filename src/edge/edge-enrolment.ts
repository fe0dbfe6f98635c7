import type { KeyPair } from '../agent/identity/agent-certificate.ts'
import { enrol } from '../agent/identity/enrol.ts'
import { untilEnrolled } from '../agent/identity/until-enrolled.ts'
import { systemClock } from '../base/clock.ts'
import { wordsOf } from '../base/fault-words.ts'
import { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { StateDir } from '../base/state-dir.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import type { Egress } from '../link/dial/egress.ts'
import { type EdgeIdentity, edgeIdentityIn } from './edge-identity.ts'

export interface EnrolEdgeOptions {
  readonly keyFile: string
  /** Instead of the home edge that the key names. */
  readonly home?: EdgeAddress
  /** The pair of an identity whose certificate has expired. */
  readonly expired?: KeyPair
  readonly egress: Egress
  readonly log: Log
  readonly signal: AbortSignal
  readonly onFailed: (fault: Fault) => void
}

/** A fault that only a person can repair is tried again at this pace. */
const HOPELESS_MS = 10_000
/** Beside the control plane it is no person who does: each start of that writes a key. */
const BESIDE_MS = 1000

/** Enrols, however often it takes. @throws the reason of `o.signal`; nothing else. */
export async function enrolEdgeUntilDone(state: StateDir, o: EnrolEdgeOptions): Promise<EdgeIdentity> {
  const { keyFile, home, expired, egress, log, signal } = o
  let said = ''
  const attempt = () =>
    enrol<EdgeIdentity>({
      ...{ role: 'edge', keyFile, edge: home, expired, clock: systemClock, log, signal },
      store: edgeIdentityIn(state),
      fingerprint: {},
      egress: async () => egress,
      held: (identity, at) => ({ ...identity, home: at }),
      say: ({ id }) => log.info({ event: 'edge.enrolled', edge: id }, `Successfully enrolled. Edge ID ${id}`),
    })
  const { identity } = await untilEnrolled(attempt, {
    files: [keyFile],
    hopelessMs: home?.socket === undefined ? HOPELESS_MS : BESIDE_MS,
    signal,
    onFailed(met) {
      const fault = ofThisEdge(met)
      const { code, hop, seen } = fault
      o.onFailed(fault)
      const level = said === code ? 'debug' : 'error'
      said = code
      log[level]({ event: 'edge.enrol-failed', code, hop, seen, fix: wordsOf(fault).fix }, fault.message)
    },
  })
  return identity
}

/** What is the connector's by the table is this edge's here: a key that cannot be read, a state that cannot be written. */
function ofThisEdge(fault: Fault): Fault {
  const { code, hop, detail, seen } = fault
  return hop === 'connector' ? new Fault(code, detail, { hop: 'edge', seen, cause: fault }) : fault
}
