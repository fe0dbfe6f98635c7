import type { FaultCode, Hop } from '../base/faults.ts'
import type { TraceHop } from './trace.ts'

/** Codes that the control plane owns and that are about connectors, not about permission. */
const OF_SELECTION: ReadonlySet<FaultCode> = new Set([
  ...(['SEGMENT_UNMAPPED', 'NO_HEALTHY_CONNECTOR', 'WRONG_CONNECTOR_KIND'] as const),
])
/** Codes of the machine of the user, or of what the edge says of the other half of a pipe. */
const BY_CODE: { readonly [code in FaultCode]?: TraceHop } = {
  PAIR_TIMEOUT: 'connector',
  APP_TLS_NAME: 'tls',
  APP_CERT_EXPIRED: 'tls',
}

/** Where in a trace a fault belongs. The hops of a trace are finer than those that own faults. */
export function traceHopOf({ code, hop }: { readonly code: FaultCode; readonly hop: Hop }): TraceHop {
  const exact = BY_CODE[code]
  if (exact !== undefined) return exact
  switch (hop) {
    case 'control':
      return OF_SELECTION.has(code) ? 'selection' : 'policy'
    case 'application':
      return 'connect'
    case 'connector':
      // Nobody was met: what comes before the connector on the way was not gone.
      return code === 'NO_HEALTHY_CONNECTOR' ? 'connector' : hop
    default:
      return hop
  }
}
