import type { Log } from '../base/log.ts'
import { RawPhase } from '../link/raw-phase.ts'
import { SessionReports } from '../link/session-reports.ts'
import { ActiveSessions } from './active-sessions.ts'
import { Dialer } from './dialer.ts'
import { GrantAuthority } from './grants.ts'
import { Reach } from './reach.ts'
import { Resolver } from './resolver.ts'
import { ServerClock } from './server-clock.ts'
import type { StreamServices } from './streams.ts'
import { UdpFlows } from './udp.ts'

/** What all sessions of one connector share, whichever tunnel and control connection they came by. */
export class Services implements StreamServices, Disposable {
  readonly clock = new ServerClock()
  readonly log: Log
  readonly authority = new GrantAuthority()
  readonly resolver = new Resolver()
  readonly dialer = new Dialer()
  readonly udp = new UdpFlows()
  readonly reach = new Reach()
  readonly rawPhase: RawPhase
  readonly reports: SessionReports
  readonly active: ActiveSessions

  constructor(log: Log) {
    this.log = log
    this.rawPhase = new RawPhase({ log })
    this.reports = new SessionReports({ log })
    this.active = new ActiveSessions(this.clock, this.reports)
  }

  [Symbol.dispose](): void {
    const { resolver, dialer, udp, reach, rawPhase, reports } = this
    for (const part of [resolver, dialer, udp, reach, rawPhase, reports]) part[Symbol.dispose]()
  }
}
