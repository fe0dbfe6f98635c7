import { readFileSync } from 'node:fs'
import { descriptorLimit } from '../../base/descriptor-limit.ts'
import { CONNECTOR_SHARES, DESCRIPTOR_RESERVE, PORT_RESERVE } from '../../base/share-table/connector.ts'
import { Pool } from '../../base/shares.ts'

export interface ConnectorSharesOptions {
  /** Tunnels and sessions, of all processes of a connector. */
  readonly sessions?: number
  /** Of this process. */
  readonly descriptors?: number
  /** Of this machine, or of the network namespace. */
  readonly localPorts?: number
  /** Connections to applications under way. */
  readonly dials?: number
}

/** What all devices of one connector share, and none may take alone. */
export class ConnectorShares {
  /** Tunnels and sessions: each has a descriptor. */
  readonly sessions: Pool
  readonly dials: Pool
  readonly udpPorts: Pool

  constructor(o: ConnectorSharesOptions = {}) {
    const { udpPorts } = CONNECTOR_SHARES
    const { descriptors = descriptorLimit(), localPorts = countLocalPorts(), dials } = o
    const { sessions = CONNECTOR_SHARES.sessions.of } = o
    const here = Math.min(sessions, descriptors - DESCRIPTOR_RESERVE)
    this.sessions = new Pool(CONNECTOR_SHARES.sessions, here, sessions)
    this.dials = new Pool(CONNECTOR_SHARES.dials, dials)
    this.udpPorts = new Pool(udpPorts, localPorts && Math.floor(localPorts * (1 - PORT_RESERVE)))
  }
}

/** Ports that a socket is given when it names none. */
function countLocalPorts(): number | undefined {
  try {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)
    const [first = 0, last = 0] = range.map(Number)
    return last >= first && first > 0 ? last - first + 1 : undefined
  } catch {
    return undefined
  }
}
