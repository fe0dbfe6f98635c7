/**
 * The client's side of the control connection: who we are, whether the control plane can be asked, and the
 * device certificate.
 *
 * @module
 */

import { Agent } from '../../agent/agent.ts'
import { followsEdges } from '../../agent/companions.ts'
import { EdgeCache } from '../../agent/edges/edge-cache.ts'
import { EdgeRoute } from '../../agent/edges/edge-route.ts'
import { Renewal } from '../../agent/identity/renewal.ts'
import type { Companion } from '../../agent/link/companion.ts'
import type { ControlLink } from '../../agent/link/control-link.ts'
import { type Clock, rfc3339 } from '../../base/clock.ts'
import { deadline, eitherAborted } from '../../base/deadline.ts'
import { Fault } from '../../base/faults.ts'
import { Gate } from '../../base/gate.ts'
import type { Log } from '../../base/log.ts'
import type { StateDir } from '../../base/state-dir.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import type { AgentMessage } from '../../wire/control.ts'
import { credentialsOfDevice, loadProfile, type Profile, saveProfile } from './profile.ts'
import { untilAborted } from './until-aborted.ts'

export interface UplinkOptions {
  readonly state: StateDir
  readonly egress: Egress
  readonly posture: Readonly<Record<string, string | number | boolean>>
  readonly clock: Clock
  readonly log: Log
  /** Of this process, as its session reports name it. */
  readonly run: string
  /** What else lives with the control connection, for all profiles that are served. */
  readonly companions: readonly Companion[]
  /** Another certificate is proved from here on than before. */
  readonly onRenewed: () => void
  /** An edge is being stopped: what is open there will not last. */
  readonly onDraining: (edge: string) => void
  /** Nothing is open that would wait for the connection. */
  readonly isIdle: () => boolean
}

/** A session may wait this long for a control connection that is coming up. */
const WAIT_MS = 3000
const TICK_MS = 2000

export class Uplink {
  readonly #o: UplinkOptions
  #profile: Profile | undefined
  #credentials: Credentials | undefined
  #proved: Credentials | undefined
  #agent: Agent | undefined
  #route: EdgeRoute | undefined
  #skewMs = 0
  #fault: Fault | undefined
  #changed = new AbortController()
  readonly #up = new Gate()

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
    return this.#agent?.isUp ?? false
  }

  get rttUs(): number | undefined {
    return this.#agent?.rttUs
  }

  /** @throws {Fault} REAUTH_NEEDED if nobody has signed in, or the certificate has ended. */
  credentials(): Credentials {
    if (this.#credentials === undefined) throw new Fault('REAUTH_NEEDED', 'this device was never signed in')
    if (this.#credentials.notAfterMs <= this.#o.clock.nowMs() + this.#skewMs) throw this.#ended()
    return this.#credentials
  }

  #ended(cause?: Fault): Fault {
    const notAfter = rfc3339(this.#credentials!.notAfterMs)
    const { signInEndsMs = Number.POSITIVE_INFINITY } = this.#profile ?? {}
    const what = signInEndsMs <= this.#credentials!.notAfterMs ? 'sign-in' : 'device certificate'
    return new Fault('REAUTH_NEEDED', `the ${what} expired ${notAfter}`, {
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
    return this.#agent!.link
  }

  /** @returns false when there is no connection now; the message is then dropped. */
  send(message: AgentMessage): boolean {
    return this.#agent?.link.send(message) ?? false
  }

  /** Stays connected with what the profile says until `signal` aborts. */
  async serve(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#changed.signal.aborted) this.#changed = new AbortController()
      using either = eitherAborted(signal, this.#changed.signal)
      const profile = this.#profile
      if (profile === undefined) {
        this.#fault = new Fault('REAUTH_NEEDED', 'this device was never signed in')
        this.#o.log.warn({ event: 'client.signed-out' }, 'Not signed in: run backstitch client login')
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

  #adopt(profile: Profile | undefined): void {
    this.#profile = profile
    this.#credentials = profile && credentialsOfDevice(profile)
    this.#fault = undefined
  }

  async #connect(profile: Profile, signal: AbortSignal): Promise<void> {
    const { egress, log, state, run, posture, clock, companions } = this.#o
    const route = new EdgeRoute({
      cache: await EdgeCache.open(state, log),
      first: profile.edge,
      egress: () => egress,
      log,
      send: (message) => this.send(message),
      move: () => agent.link.redial({ why: 'edge' }),
      onDraining: (edge) => this.#o.onDraining(edge),
      isIdle: () => agent.link.isIdle && this.#o.isIdle(),
    })
    this.#route = route
    const agent = new Agent({
      role: 'client',
      endsAsClone: false,
      ...{ run, posture, way: route, egress, log },
      nowMs: () => clock.nowMs(),
      credentials: () => this.#credentials!,
      inWords: (fault) => (this.#isOurEnd(fault) ? this.#ended(fault) : fault),
      companions: [this.#own(), followsEdges(route), ...companions, this.#opens(), this.#renewal()],
      tickMs: TICK_MS,
    })
    this.#agent = agent
    await agent.serve(signal)
    this.#up.close()
  }

  #own(): Companion {
    return {
      up: (_welcome, { skewMs }) => {
        if (this.#proved !== undefined && this.#proved !== this.#credentials) this.#o.onRenewed()
        this.#proved = this.#credentials
        this.#skewMs = skewMs
        this.#fault = undefined
      },
      down: (fault, redialling) => {
        this.#up.close()
        if (!redialling) this.#fault = fault
        // What another command of this user has renewed meanwhile, an older one would be taken for a copy of.
        void this.reload().catch(() => {})
      },
      time: (skewMs) => {
        this.#skewMs = skewMs
      },
    }
  }

  /** After everything else knows of the connection: who waits for it may ask. */
  #opens(): Companion {
    return { up: () => this.#up.open() }
  }

  #renewal(): Renewal<Profile> {
    const { state, clock, log } = this.#o
    return new Renewal({
      role: 'client',
      idOf: ({ deviceId }) => deviceId,
      current: () => this.#profile,
      // Another command of this user may have renewed it: two certificates would look like two devices.
      refresh: () => this.reload(),
      endMs: ({ signInEndsMs }) => signInEndsMs,
      more: ({ signInEndsMs }) => ({ signInEndsMs }),
      save: (renewed) => saveProfile(state, renewed),
      use: (renewed) => this.#adopt(renewed),
      ...{ clock, log },
    })
  }
}
