import { Fault, type FaultCode, type Hop } from '../../base/faults.ts'
import { type Standstill, standstillText } from '../../base/standstill.ts'

/** What time alone can have brought about: whoever did nothing meanwhile has no right to call others silent. */
const BY_TIME: ReadonlySet<FaultCode> = new Set([
  'CONTROL_UNREACHABLE',
  'EDGE_UNREACHABLE',
  'EGRESS_BLOCKED',
  'HANDSHAKE_TIMEOUT',
  'PROXY_UNREACHABLE',
  'RESOLVER_UNREACHABLE',
])

/** The fault as it is told where this process stood still while it came about. */
export function selfInflicted(fault: Fault, still: Standstill | undefined, hop: Hop): Fault {
  if (still === undefined || !BY_TIME.has(fault.code)) return fault
  const detail = `${standstillText(still)}; the connection did not survive that (${fault.code}: ${fault.detail})`
  const seen = { stoodStillMs: still.lostMs, kind: still.kind, because: fault.code }
  return new Fault('STOOD_STILL', detail, { cause: fault, hop, seen })
}
