import type { OutageReport } from '../agent/examination/self-examination.ts'
import type { LinkState } from '../agent/link/control-link.ts'
import { rfc3339 } from '../base/clock.ts'
import type { Fault } from '../base/faults.ts'
import { VERSION } from '../base/version.ts'
import { faultToMessage } from '../link/control/fault-message.ts'
import { type Egress, explainEgress } from '../link/dial/egress.ts'
import type { FaultMessage } from '../wire/control.ts'
import type { Edge, EdgeStats } from './edge.ts'
import type { EdgeIdentity } from './edge-identity.ts'
import type { EdgeDaemonOptions } from './edge-options.ts'

/** The document that the status socket of a remote edge gives to whoever connects. */
export interface EdgeDaemonStatus {
  readonly role: 'edge'
  readonly version: string
  readonly pid: number
  /** `disconnected`: it joins pipes whose tickets it can verify, and can pass nobody on. */
  readonly state: 'enrolling' | 'connected' | 'disconnected' | 'draining'
  readonly startedAt: string
  readonly id?: string
  readonly tenant?: string
  readonly certificate?: { readonly notAfter: string; readonly generation: number }
  readonly listen?: { readonly host: string; readonly port: number }
  /** The home edge. */
  readonly edge?: { readonly host: string; readonly port: number; readonly rttUs?: number }
  /** How it is reached, and who said so. */
  readonly egress?: string
  readonly clockSkewMs?: number
  readonly stats?: EdgeStats
  readonly fault?: FaultMessage
  readonly outages?: OutageReport
  readonly stoodStill?: Fault
  readonly notes: readonly FaultMessage[]
}

export interface EdgeParts {
  readonly options: Pick<EdgeDaemonOptions, 'home' | 'listen'>
  readonly startedMs: number
  readonly identity: EdgeIdentity | undefined
  readonly enrolling: boolean
  readonly link: LinkState | undefined
  readonly edge: Edge | undefined
  readonly egress: Egress | undefined
  readonly skewMs: number | undefined
  readonly fault: Fault | undefined
  readonly outages: OutageReport | undefined
  readonly notes: readonly Fault[]
}

export function describeEdge(parts: EdgeParts): EdgeDaemonStatus {
  const { options, identity, link, edge, egress, fault } = parts
  const home = options.home ?? identity?.home
  const stats = edge?.stats()
  const reach = link?.is === 'up' ? 'connected' : 'disconnected'
  return {
    role: 'edge',
    version: VERSION,
    pid: process.pid,
    state: identity === undefined || parts.enrolling ? 'enrolling' : stats?.draining ? 'draining' : reach,
    startedAt: rfc3339(parts.startedMs),
    id: identity?.id,
    tenant: identity?.tenant,
    certificate: identity && { notAfter: rfc3339(identity.notAfterMs), generation: identity.generation },
    listen: edge && !parts.enrolling ? { host: options.listen.host, port: edge.port } : undefined,
    edge: home && { ...home, rttUs: link?.is === 'up' ? link.channel.rttUs : undefined },
    egress: home && egress && explainEgress(egress, home).trimEnd(),
    clockSkewMs: parts.skewMs,
    stats,
    fault: fault && faultToMessage(fault),
    outages: parts.outages,
    notes: parts.notes.map(faultToMessage),
  }
}
