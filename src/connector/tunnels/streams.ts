/**
 * The path of every session through a connector: OPEN → grant → destination → addresses → dial → OPENED.
 *
 * What is known already (a verified grant, a resolved name, a checked address) costs no turn of the event loop,
 * so that a new session is one system call and one frame.
 *
 * @module
 */
import { isIP } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { isOverShare } from '../../base/shares.ts'
import type { MuxStream } from '../../mux/stream.ts'
import { ownAddresses } from '../../probe/own-addresses.ts'
import type { Open } from '../../wire/open.ts'
import type { Dialer } from '../dial/dialer.ts'
import type { Resolver } from '../dial/resolver.ts'
import type { ActiveSessions } from '../sessions/active-sessions.ts'
import type { SessionWitness } from '../sessions/connector-ledger.ts'
import { ConnectorSession } from '../sessions/connector-session.ts'
import type { ConnectorUdpFlows } from '../sessions/connector-udp-flows.ts'
import type { ConnectorTunnelFacts } from '../sessions/session-record.ts'
import { type GrantAuthority, type HeldGrant, TunnelGrants } from '../sessions/tunnel-grants.ts'
import { openEcho } from './echo.ts'
import type { ConnectorShares } from './shares.ts'

/** What all tunnels of one process share. */
export interface StreamServices {
  readonly clock: Clock
  readonly log: Log
  readonly authority: GrantAuthority
  readonly resolver: Pick<Resolver, 'addresses'>
  readonly dialer: Dialer
  readonly udp: ConnectorUdpFlows
  readonly active: ActiveSessions
  readonly witness: SessionWitness<ConnectorSession>
  readonly shares: ConnectorShares
}

/** Serves the streams of one tunnel. */
export class TunnelStreams {
  readonly #services: StreamServices
  readonly #facts: ConnectorTunnelFacts
  readonly #grants: TunnelGrants

  /** @param thumbprint Of the certificate that the client proved in this tunnel. */
  constructor(services: StreamServices, facts: ConnectorTunnelFacts, tenant: string, thumbprint: string) {
    this.#services = services
    this.#facts = facts
    this.#grants = new TunnelGrants(services.authority, { tenant, connector: facts.connector, thumbprint })
  }

  readonly onGrant = (jws: string): void => {
    this.#grants.receive(jws, this.#services.clock.nowMs())
  }

  readonly onOpen = (stream: MuxStream, open: Open): void => {
    const session = new ConnectorSession(stream, open, this.#facts, this.#services.clock)
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

  #begin(session: ConnectorSession, held: HeldGrant): void {
    if (session.over) return
    const { open } = session
    try {
      if (held.grant.echo === true) {
        this.#grants.checkNow(held, session.startedMs)
        session.held = held
        this.#services.active.granted(session)
        session.hold(this.#services.shares.sessions)
        openEcho(session)
        return
      }
      held.scope.check(open)
      session.id = held.numbers.idFor(open.session, session.startedMs)
      // From here on it is a session of that grant, and on record whatever comes of it.
      session.held = held
      this.#services.active.granted(session)
      this.#grants.checkNow(held, session.startedMs)
      session.hold(this.#services.shares.sessions)
      if (isIP(open.host) !== 0) {
        session.dnsUs = 0
        this.#dial(session, held, [open.host])
        return
      }
      const askedUs = this.#services.clock.monotonicUs()
      const name = open.absolute ? `${open.host}.` : open.host
      const answer = this.#services.resolver.addresses(name, held.grant.user)
      if (answer instanceof Promise) {
        answer.then(
          (addresses) => this.#resolved(session, held, addresses, askedUs),
          (error: unknown) => session.stream.guard(() => this.#unreached(session, asFault(error))),
        )
      } else {
        session.dnsUs = 0
        this.#dial(session, held, answer)
      }
    } catch (error) {
      this.#refuse(session, asFault(error))
    }
  }

  #resolved(session: ConnectorSession, held: HeldGrant, addresses: readonly string[], askedUs: number): void {
    session.dnsUs = this.#services.clock.monotonicUs() - askedUs
    try {
      if (!session.over) this.#dial(session, held, addresses)
    } catch (error) {
      this.#refuse(session, asFault(error))
    }
  }

  #dial(session: ConnectorSession, held: HeldGrant, resolved: readonly string[]): void {
    const { stream, open } = session
    const { active, clock, dialer, udp, shares, witness } = this.#services
    const addresses = this.#allowed(session, held, resolved)
    if (addresses === undefined) return
    const fromUs = clock.monotonicUs()
    if (open.protocol === 'udp') {
      session.hold(shares.udpPorts)
      session.cancel = udp.open(
        stream,
        session.early,
        { addresses, port: open.port },
        {
          ready: (address) => {
            this.#accept(session, address, 0)
            witness.reached(session)
          },
          failed: (fault) => this.#unreached(session, fault),
          answered: () => witness.answered(session),
        },
      )
      return
    }
    session.hold(shares.dials)
    session.cancel = dialer.dial(addresses, open.port, (fault, socket, address) => {
      stream.guard(() => {
        session.letGo(shares.dials)
        session.cancel = undefined
        if (fault !== undefined) {
          this.#unreached(session, fault, addresses)
          return
        }
        this.#accept(session, address!, clock.monotonicUs() - fromUs)
        active.joined(session, socket!)
        stream.attach(socket!)
        witness.reached(session)
      })
    })
  }

  /** Where none is left, the name leads outside its segment: that is how things are with this application. */
  #allowed(
    session: ConnectorSession,
    { scope }: HeldGrant,
    resolved: readonly string[],
  ): readonly string[] | undefined {
    try {
      return scope.allowed(session.open.host, resolved, ownAddresses())
    } catch (error) {
      this.#unreached(session, asFault(error))
      return undefined
    }
  }

  #accept(session: ConnectorSession, address: string, connectUs: number): void {
    session.address = address
    session.connectUs = connectUs
    session.stream.accept({ dnsUs: session.dnsUs ?? 0, connectUs, address })
  }

  /** @param tried Addresses that were dialled. */
  #unreached(session: ConnectorSession, fault: Fault, tried?: readonly string[]): void {
    this.#services.witness.unreached(session, fault, tried)
    this.#refuse(session, fault)
  }

  #refuse(session: ConnectorSession, fault: Fault): void {
    if (session.over) return
    const fields = { event: 'session.refused', session: session.id, code: fault.code }
    if (fault.code === 'INTERNAL') this.#services.log.error({ ...fields, err: fault }, fault.detail)
    else if (isOverShare(fault)) {
      const about = { ...fields, event: 'share.full', device: this.#facts.device, seen: fault.seen }
      this.#services.log.warn(about, fault.message)
    } else this.#services.log.debug({ ...fields, seen: fault.seen }, fault.detail)
    session.stream.reset(fault.code, fault.detail)
  }
}
