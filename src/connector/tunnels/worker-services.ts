import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { Dialer } from '../dial/dialer.ts'
import type { Resolver } from '../dial/resolver.ts'
import { ActiveSessions } from '../sessions/active-sessions.ts'
import type { SessionWitness } from '../sessions/connector-ledger.ts'
import type { ConnectorSession } from '../sessions/connector-session.ts'
import { ConnectorUdpFlows } from '../sessions/connector-udp-flows.ts'
import type { GrantAuthority } from '../sessions/tunnel-grants.ts'
import { ConnectorShares } from './shares.ts'
import type { StreamServices } from './streams.ts'

export interface WorkerServicesOptions {
  readonly clock: Clock
  readonly log: Log
  readonly authority: GrantAuthority
  readonly resolver: Pick<Resolver, 'addresses'>
  readonly witness: SessionWitness<ConnectorSession>
  /** Tests give their own. */
  readonly shares?: ConnectorShares
}

/** What each process that carries sessions has for itself. */
export class WorkerServices implements StreamServices, Disposable {
  readonly clock: Clock
  readonly log: Log
  readonly authority: GrantAuthority
  readonly resolver: Pick<Resolver, 'addresses'>
  readonly witness: SessionWitness<ConnectorSession>
  readonly dialer = new Dialer()
  readonly udp = new ConnectorUdpFlows()
  readonly shares: ConnectorShares
  readonly active: ActiveSessions

  constructor({ clock, log, authority, resolver, witness, shares }: WorkerServicesOptions) {
    this.clock = clock
    this.log = log
    this.authority = authority
    this.resolver = resolver
    this.witness = witness
    this.shares = shares ?? new ConnectorShares()
    this.active = new ActiveSessions(witness)
  }

  [Symbol.dispose](): void {
    this.dialer[Symbol.dispose]()
    this.udp[Symbol.dispose]()
  }
}
