/**
 * The client's side of the control connection: who we are, whether the control plane can be asked, and the
 * certificate, which is renewed at two thirds of its life.
 *
 * @module
 */
import os from 'node:os'
import { ControlLink } from '../../agent/control-link.ts'
import { EdgeCache } from '../../agent/edges/edge-cache.ts'
import { EdgeRoute } from '../../agent/edges/edge-route.ts'
import { type Clock, rfc3339 } from '../../base/clock.ts'
import { deadline, eitherAborted } from '../../base/deadline.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { Gate } from '../../base/gate.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { StateDir } from '../../base/state-dir.ts'
import { PROGRAM } from '../../base/version.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import {
  type AgentMessage,
  type ControlMessage,
  PROTOCOL_VERSION,
  type WelcomeMessage,
} from '../../wire/control.ts'
import { credentialsOf, loadProfile, type Profile, renewAtMs, saveProfile } from './profile.ts'
import { untilAborted } from './until-aborted.ts'

export interface UplinkOptions {
  readonly state: StateDir
  readonly egress: Egress
  readonly posture: Readonly<Record<string, string | number | boolean>>
  readonly clock: Clock
  readonly log: Log
  /** Of this process, as its session reports name it. */
  readonly run: string
  /** @param renewed This connection proved another certificate than the one before. */
  readonly onUp: (welcome: WelcomeMessage, renewed: boolean) => void
  /** @param fault Why; none where the connection was given up here, to come back at once. */
  readonly onDown: (fault: Fault | undefined) => void
  readonly onMessage: (message: ControlMessage) => void
  /** An edge is being stopped: what is open there will not last. */
  readonly onDraining: (edge: string) => void
  /** Nothing is open that would wait for the connection. */
  readonly isIdle: () => boolean
}

/** A session may wait this long for a control connection that is coming up. */
const WAIT_MS = 3000
const RENEW_TIMEOUT_MS = 20_000
/** Between renewals that failed; a third of a life is left for them. */
const RENEW_RETRY_MS = 60_000

export class Uplink {
  readonly #o: UplinkOptions
  #profile: Profile | undefined
  #credentials: Credentials | undefined
  #proved: Credentials | undefined
  #link: ControlLink | undefined
  #route: EdgeRoute | undefined
  #skewMs = 0
  #fault: Fault | undefined
  #changed = new AbortController()
  readonly #up = new Gate()
  #renewNotBeforeMs = 0

  constructor(options: UplinkOptions) {
    this.#o = options
  }

  get profile(): Profile | undefined {
    return this.#profile
  }

  /** What to add to this clock to have the control plane's. */
  get skewMs(): number {
    return this.#skewMs
  }

  /** The way to edges, while a profile is served. */
  get route(): EdgeRoute | undefined {
    return this.#route
  }

  /** Why there is no connection now. */
  get fault(): Fault | undefined {
    return this.#fault
  }

  get isUp(): boolean {
    const state = this.#link?.state
    return state?.is === 'up' && state.channel.isOpen
  }

  get rttUs(): number | undefined {
    const state = this.#link?.state
    return state?.is === 'up' ? state.channel.rttUs : undefined
  }

  /** @throws {Fault} REAUTH_NEEDED if nobody has signed in, or the certificate has ended. */
  credentials(): Credentials {
    if (this.#credentials === undefined)
      throw new Fault('REAUTH_NEEDED', 'nobody has signed in on this device')
    if (this.#credentials.notAfterMs <= this.#o.clock.nowMs() + this.#skewMs) throw this.#ended()
    return this.#credentials
  }

  #ended(cause?: Fault): Fault {
    const notAfter = rfc3339(this.#credentials!.notAfterMs)
    const { signInEndsMs = Number.POSITIVE_INFINITY } = this.#profile ?? {}
    const what = signInEndsMs <= this.#credentials!.notAfterMs ? 'sign-in' : 'device certificate'
    return new Fault('REAUTH_NEEDED', `the ${what} ended ${notAfter}`, {
      cause,
      seen: { notAfter },
    })
  }

  /** Control has said, by its clock, that the certificate of this device has ended; not that of the edge, by ours. */
  #isOurEnd({ code, seen }: Fault): boolean {
    return (
      code === 'CERT_EXPIRED' &&
      this.#credentials !== undefined &&
      seen.notAfter === rfc3339(this.#credentials.notAfterMs)
    )
  }

  /** The connection, as soon as it is up. @throws {Fault} REAUTH_NEEDED; CONTROL_UNREACHABLE with what keeps it down. */
  async control(): Promise<ControlLink> {
    this.credentials()
    if (!this.isUp) {
      this.#up.close() // One that is being closed, to move or after a renewal, is over: the next is on its way.
      if (this.#fault !== undefined && !this.#fault.retry) throw this.#fault
      using limit = deadline(WAIT_MS, 'CONTROL_UNREACHABLE', 'the control connection is down')
      await this.#up.pass(limit).catch(() => {
        const because = this.#fault
        const why =
          because === undefined
            ? 'not up yet'
            : `down: ${because.code === 'CONTROL_UNREACHABLE' ? '' : `${because.code}: `}${because.detail}`
        throw new Fault('CONTROL_UNREACHABLE', `the control connection is ${why}`, {
          cause: because,
          hop: because?.hop,
          seen: because === undefined ? {} : { because: because.code, hop: because.hop },
        })
      })
    }
    return this.#link!
  }

  /** @returns false when there is no connection now; the message is then dropped. */
  send(message: AgentMessage): boolean {
    return this.#link?.send(message) ?? false
  }

  /** As ControlLink.request, for what is told until it is answered. */
  tell(message: AgentMessage & { id: string }, timeoutMs: number): Promise<ControlMessage> {
    return this.#link!.request(message, timeoutMs, { isAskedAgain: true })
  }

  /** Stays connected with what the profile says until `signal` aborts. */
  async serve(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#changed.signal.aborted) this.#changed = new AbortController()
      using either = eitherAborted(signal, this.#changed.signal)
      const profile = this.#profile
      if (profile === undefined) {
        this.#fault = new Fault('REAUTH_NEEDED', 'nobody has signed in on this device')
        this.#o.log.warn({ event: 'client.signed-out' }, 'Nobody has signed in: run backstitch client login')
        await untilAborted(either)
      } else await this.#connect(profile, either)
    }
  }

  /** Reads the profile, at first and when it was written since. @throws {Fault} INVALID for a damaged one. */
  async reload(): Promise<void> {
    const profile = await loadProfile(this.#o.state)
    if (profile?.certificate === this.#profile?.certificate) return
    this.#adopt(profile)
    this.#changed.abort()
  }

  /** Renews the certificate if its time has come. */
  async renewIfDue(): Promise<void> {
    const profile = this.#profile
    const link = this.#link
    const { clock, log, state } = this.#o
    const nowMs = clock.nowMs()
    if (profile === undefined || link === undefined || !this.isUp) return
    if (nowMs < renewAtMs(profile) || nowMs < this.#renewNotBeforeMs) return
    if (profile.signInEndsMs !== undefined && profile.notAfterMs >= profile.signInEndsMs) return
    this.#renewNotBeforeMs = nowMs + RENEW_RETRY_MS
    try {
      // Another command of this user may have renewed it: two certificates would look like two devices.
      await this.reload()
      if (this.#profile !== profile) return
      const reply = await link.request(
        { type: 'renew', id: newId('req'), csr: profile.csrPem },
        RENEW_TIMEOUT_MS,
      )
      if (reply.type !== 'renewed') {
        throw new Fault('PROTOCOL_ERROR', `the answer to renew was ${reply.type}`, { hop: 'control' })
      }
      const { certificate, notAfterMs, signInEndsMs, generation } = reply
      const receivedMs = clock.nowMs()
      const renewed = { ...profile, certificate, notAfterMs, signInEndsMs, generation, receivedMs }
      await saveProfile(state, renewed)
      if (this.#profile !== profile) return // somebody signed in meanwhile
      this.#adopt(renewed)
      log.info(
        { event: 'certificate.renewed', until: rfc3339(notAfterMs), generation },
        `Device certificate valid until ${rfc3339(notAfterMs)}`,
      )
      link.redial({ why: 'certificate' })
    } catch (error) {
      const { code, detail } = asFault(error)
      log.warn(
        { event: 'certificate.renewal-failed', code, until: rfc3339(profile.notAfterMs) },
        `Device certificate valid until ${rfc3339(profile.notAfterMs)} could not be renewed: ${code}: ${detail}`,
      )
    }
  }

  #adopt(profile: Profile | undefined): void {
    this.#profile = profile
    this.#credentials = profile && credentialsOf(profile)
    this.#fault = undefined
  }

  async #connect(profile: Profile, signal: AbortSignal): Promise<void> {
    const { egress, log, state } = this.#o
    using route = new EdgeRoute({
      cache: await EdgeCache.open(state, log),
      first: profile.edge,
      egress: () => egress,
      log,
      send: (message) => this.send(message),
      move: () => link.redial({ why: 'edge' }),
      onDraining: (edge) => this.#o.onDraining(edge),
      isIdle: () => link.isIdle && this.#o.isIdle(),
    })
    this.#route = route
    const link = new ControlLink({
      edge: () => route.next(),
      timeoutMs: () => route.patienceMs,
      elsewhere: (fault) => route.failed(fault),
      onControlPort: (fault) => route.secondPort(fault),
      egress,
      log,
      credentials: () => this.#credentials!,
      hello: () => ({
        type: 'hello',
        version: PROTOCOL_VERSION,
        program: PROGRAM,
        role: 'client',
        run: this.#o.run,
        timeMs: this.#o.clock.nowMs(),
        host: os.hostname(),
        posture: { ...this.#o.posture },
      }),
      onUp: (welcome, skewMs, address) => {
        const renewed = this.#proved !== undefined && this.#proved !== this.#credentials
        this.#proved = this.#credentials
        this.#skewMs = skewMs
        this.#fault = undefined
        route.up(welcome, address)
        this.#o.onUp(welcome, renewed)
        this.#up.open()
      },
      onDown: (fault, redialling) => {
        this.#up.close()
        if (!redialling) this.#fault = fault
        // What another command of this user has renewed meanwhile, an older one would be taken for a copy of.
        void this.reload().catch(() => {})
        this.#o.onDown(redialling ? undefined : fault)
      },
      onTime: (skewMs) => {
        this.#skewMs = skewMs
      },
      inWords: (fault) => (this.#isOurEnd(fault) ? this.#ended(fault) : fault),
      onMessage: (message) => {
        if (message.type === 'edges') route.learn(message.edges)
        else this.#o.onMessage(message)
      },
    })
    this.#link = link
    await link.serve(signal)
    this.#up.close()
  }
}
