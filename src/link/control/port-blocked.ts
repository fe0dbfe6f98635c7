import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { EdgeAddress } from '../dial/credentials.ts'

/** The note: not fatal, as the port that every edge has was found open in the same moment. */
export function blocked(fault: Fault, second: EdgeAddress, main: EdgeAddress): Fault {
  const how = howStopped(fault)
  return new Fault(
    'CONTROL_PORT_BLOCKED',
    `${hostPort(second)} ${how} (${fault.code}); ${hostPort(main)} works and is in use`,
    {
      cause: fault,
      seen: { port: second.port, how, because: fault.code, works: main.port },
    },
  )
}

/** Dropped or refused: who looks for the rule in the firewall wants to know. */
export function howStopped({ code }: Fault): string {
  if (code === 'EGRESS_REJECTED') return 'was refused'
  if (code === 'PROXY_REFUSED') return 'was refused by the proxy'
  if (code === 'PROXY_AUTH') return 'was refused by the proxy, which requires authentication'
  if (code === 'PROXY_UNREACHABLE') return 'was not tried: the proxy does not answer'
  if (code === 'EGRESS_BLOCKED') return 'was dropped: no answer'
  if (code === 'EDGE_UNREACHABLE') return 'has no route to it'
  if (code === 'HANDSHAKE_TIMEOUT') return 'connects, but the TLS handshake stalls'
  return 'answered, but not as an edge'
}
