/**
 * The path of every session through a connector: OPEN → grant → destination → addresses → dial → OPENED.
 *
 * What is known already (a verified grant, a resolved name, a checked address) costs no turn of the event loop,
 * so that a new session is one system call and one frame.
 *
 * @module
 */
import { isIP } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { asFault, type Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { MuxStream } from '../mux/stream.ts'
import type { Open } from '../wire/open.ts'
import type { ActiveSessions } from './active-sessions.ts'
import { attemptWithin } from './attempt.ts'
import type { Dialer } from './dialer.ts'
import { openEcho } from './echo.ts'
import type { GrantAuthority, HeldGrant } from './grants.ts'
import { TunnelGrants } from './grants.ts'
import { ownAddresses } from './own-addresses.ts'
import type { Probes } from './probes.ts'
import type { Reach } from './reach.ts'
import type { Resolver } from './resolver.ts'
import { Session, type TunnelFacts } from './session.ts'
import type { UdpFlows } from './udp.ts'

/** What all tunnels of a connector share. */
export interface StreamServices {
  readonly clock: Clock
  readonly log: Log
  readonly authority: GrantAuthority
  readonly resolver: Resolver
  readonly dialer: Dialer
  readonly udp: UdpFlows
  readonly reach: Reach
  readonly probes: Pick<Probes, 'used'>
  readonly active: ActiveSessions
}

/** Serves the streams of one tunnel. */
export class TunnelStreams {
  readonly #services: StreamServices
  readonly #facts: TunnelFacts
  readonly #grants: TunnelGrants

  /** @param thumbprint Of the certificate that the client proved in this tunnel. */
  constructor(services: StreamServices, facts: TunnelFacts, tenant: string, thumbprint: string) {
    this.#services = services
    this.#facts = facts
    this.#grants = new TunnelGrants(services.authority, { tenant, connector: facts.connector, thumbprint })
  }

  readonly onGrant = (jws: string): void => {
    this.#grants.receive(jws, this.#services.clock.nowMs())
  }

  readonly onOpen = (stream: MuxStream, open: Open): void => {
    const session = new Session(stream, open, this.#facts, this.#services.clock.nowMs())
    this.#services.active.add(session)
    try {
      const held = this.#grants.find(open.grant)
      if (held instanceof Promise) {
        held.then(
          (known) => this.#begin(session, known),
          (error: unknown) => this.#refuse(session, asFault(error)),
        )
      } else this.#begin(session, held)
    } catch (error) {
      this.#refuse(session, asFault(error))
    }
  }

  #begin(session: Session, held: HeldGrant): void {
    if (session.over) return
    const { open } = session
    try {
      session.held = held
      this.#grants.checkNow(held, session.startedMs)
      if (held.grant.echo === true) {
        this.#services.active.granted(session)
        openEcho(session)
        return
      }
      held.scope.check(open)
      this.#services.active.granted(session)
      if (isIP(open.host) !== 0) {
        session.dnsUs = 0
        this.#dial(session, held, [open.host])
        return
      }
      const askedUs = this.#services.clock.monotonicUs()
      const answer = this.#services.resolver.addresses(open.host)
      if (answer instanceof Promise) {
        answer.then(
          (addresses) => this.#resolved(session, held, addresses, askedUs),
          (error: unknown) => this.#unreached(session, asFault(error)),
        )
      } else {
        session.dnsUs = 0
        this.#dial(session, held, answer)
      }
    } catch (error) {
      this.#refuse(session, asFault(error))
    }
  }

  #resolved(session: Session, held: HeldGrant, addresses: readonly string[], askedUs: number): void {
    session.dnsUs = this.#services.clock.monotonicUs() - askedUs
    try {
      if (!session.over) this.#dial(session, held, addresses)
    } catch (error) {
      this.#refuse(session, asFault(error))
    }
  }

  #dial(session: Session, held: HeldGrant, resolved: readonly string[]): void {
    const { stream, open } = session
    const { clock, dialer, udp } = this.#services
    const addresses = held.scope.allowed(open.host, resolved, ownAddresses())
    const fromUs = clock.monotonicUs()
    if (open.protocol === 'udp') {
      const address = addresses[0]!
      session.cancel = udp.open(stream, session.early, { address, port: open.port }, (fault) => {
        if (fault === undefined) this.#accept(session, address, 0)
        else this.#unreached(session, fault)
      })
      return
    }
    session.cancel = dialer.dial(addresses, open.port, (fault, socket, address) => {
      session.cancel = undefined
      if (fault !== undefined) {
        this.#unreached(session, fault)
        return
      }
      this.#accept(session, address!, clock.monotonicUs() - fromUs)
      stream.attach(socket!)
      this.#note(held, open, undefined)
    })
  }

  #accept(session: Session, address: string, connectUs: number): void {
    session.address = address
    session.connectUs = connectUs
    session.stream.accept({ dnsUs: session.dnsUs ?? 0, connectUs, address })
  }

  /** The application could not be reached: that is news for control, too. */
  #unreached(session: Session, fault: Fault): void {
    const { held, open } = session
    if (held !== undefined && open.protocol === 'tcp') this.#note(held, open, fault)
    this.#refuse(session, fault)
  }

  #note(held: HeldGrant, { host, port }: Open, fault: Fault | undefined): void {
    const application = { segment: held.grant.segment, host, port }
    const { reach, probes } = this.#services
    reach.note(application, attemptWithin(held.scope, this.#services), fault)
    if (fault === undefined) probes.used(application)
  }

  #refuse(session: Session, fault: Fault): void {
    if (session.over) return
    this.#services.log.debug(
      { event: 'session.refused', session: session.open.session, code: fault.code, seen: fault.seen },
      fault.detail,
    )
    session.stream.reset(fault.code, fault.detail)
  }
}
