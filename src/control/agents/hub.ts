import { type Clock, rfc3339 } from '../../base/clock.ts'
import { skewText } from '../../base/clock-skew.ts'
import { asFault, Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { Parting } from '../../base/parting.ts'
import { isOverShare } from '../../base/shares.ts'
import { StandstillWatch } from '../../base/standstill.ts'
import { atDate } from '../../base/wall-clock.ts'
import { type ControlEnd, sayGoodbye } from '../../link/control/control-ends.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import { selfInflicted } from '../../link/control/self-inflicted.ts'
import type { Peer } from '../../pki/verify.ts'
import type { Store } from '../../store/store.ts'
import {
  type AgentMessage,
  type ControlMessage,
  type HelloMessage,
  PROTOCOL_VERSION,
} from '../../wire/control.ts'
import type { ControlShares } from '../base/shares.ts'
import { admitted, signInOver } from '../presence/admitted.ts'
import type { Connected, Presence } from '../presence/presence.ts'
import { adoptCertificate, cloned } from './adopt.ts'
import { MessageQueue } from './message-queue.ts'

export type AfterHello = Exclude<AgentMessage, HelloMessage>

/** What answers an agent once it is known who it is. */
export interface AgentHandlers {
  /** The welcome for this agent, with the whole state it needs, and what comes right behind it. */
  welcome(connected: Connected): Promise<readonly ControlMessage[]>
  /** One message. A Fault thrown answers the request that it came with. */
  handle(connected: Connected, message: AfterHello): Promise<ControlMessage | undefined>
  left(connected: Connected, fault: Fault | undefined): void
  /** It proved who it is, and was not let in. */
  refused(peer: Peer, from: string, fault: Fault): void
}

/** Where a connection came from: the address of the peer, and the edge it came in by. */
export type ConnectedFrom = Pick<Connected, 'from' | 'via'>

export interface HubDeps {
  readonly store: Store
  readonly presence: Presence
  readonly handlers: AgentHandlers
  readonly shares: ControlShares
  readonly clock: Clock
  readonly log: Log
}

const HELLO_MS = 10_000
/** How long the connection of an identity has to prove that it is alive when a second one comes. */
const ALIVE_MS = 2_000
/** Messages of one connection that are worked on at the same time. */
const AT_ONCE = 8
/** Messages of one connection that wait for that: over it nothing is read from it, its pings neither. */
const MAY_WAIT = 64

/** Takes control connections of agents: hello, who is this really, welcome, then one message after the other. */
export class Hub {
  readonly #deps: HubDeps
  readonly #open = new Set<ControlEnd>()
  readonly #watch = new StandstillWatch()

  constructor(deps: HubDeps) {
    this.#deps = deps
  }

  /** @param via The edge that the connection came in by. */
  attach(channel: ControlEnd, peer: Peer, { from, via }: ConnectedFrom): void {
    this.#open.add(channel)
    const timer = setTimeout(
      () => sayGoodbye(channel, new Fault('HANDSHAKE_TIMEOUT', 'no hello arrived')),
      HELLO_MS,
    )
    void this.#guard(
      peer,
      channel.closed.then(() => {
        clearTimeout(timer)
        this.#open.delete(channel)
      }),
    )
    channel.onMessage = (message) => {
      clearTimeout(timer)
      if (message.type !== 'hello') {
        sayGoodbye(channel, new Fault('PROTOCOL_ERROR', `the first message was ${message.type}, not hello`))
        return
      }
      channel.onMessage = undefined // What comes while the hello is judged waits in the channel.
      const greeting = this.#greet(channel, peer, { from, via }, message).catch((error) => {
        const fault = asFault(error)
        sayGoodbye(channel, fault)
        const fields = { event: 'agent.refused', agent: peer.identity.id, from, code: fault.code }
        if (fault.code === 'INTERNAL') this.#deps.log.error({ ...fields, err: error }, fault.message)
        else this.#deps.log.warn({ ...fields, seen: fault.seen }, fault.message)
        this.#deps.handlers.refused(peer, from, fault)
      })
      void this.#guard(peer, greeting)
    }
  }

  /** What goes wrong at one connection is a line in the log, and nobody else's. */
  async #guard({ identity }: Peer, work: Promise<unknown>): Promise<void> {
    try {
      await work
    } catch (error) {
      const fields = { event: 'agent.defect', agent: identity.id, err: error }
      this.#deps.log.error(fields, "an internal error on one agent's connection")
    }
  }

  /** Says goodbye to everyone, and why, and ends their connections: the program stops. */
  async close(parting?: Parting): Promise<void> {
    const channels = [...this.#open]
    for (const channel of channels) channel.close(undefined, parting)
    await Promise.all(channels.map((channel) => channel.closed))
    this.#watch[Symbol.dispose]()
  }

  async #greet(
    channel: ControlEnd,
    peer: Peer,
    { from, via }: ConnectedFrom,
    hello: HelloMessage,
  ): Promise<void> {
    const { store, presence, handlers, shares, clock, log } = this.#deps
    const { id, role } = peer.identity
    if (hello.version !== PROTOCOL_VERSION) {
      const detail = `the agent speaks ${hello.version} (${hello.program}), the control plane ${PROTOCOL_VERSION}`
      throw new Fault('VERSION_UNSUPPORTED', detail)
    }
    if (hello.role !== role)
      throw new Fault('PROTOCOL_ERROR', `the certificate says ${role}, the hello ${hello.role}`)
    const record = await admitted(store, peer.identity, clock.nowMs())
    shares.connects.take(id, record.userId)
    await adoptCertificate(store, peer, record, from)
    // Before anybody knows that it is here: what it is asked for is decided by what it says now.
    if (role === 'client') await store.devices.reported(id, hello.posture ?? {})
    const skewMs = hello.timeMs - clock.nowMs()
    const skew = skewText(-skewMs, 'ours')
    if (skew !== undefined)
      log.warn({ event: 'agent.clock-skew', agent: id, skewMs }, `the clock of ${id} is ${skew}`)
    const connected: Connected = {
      peer,
      channel,
      from,
      via,
      hostName: hello.host,
      program: hello.program,
      run: hello.run,
      knows: hello.knows,
      sinceMs: clock.nowMs(),
      skewMs,
      device: record.userId === undefined ? undefined : { name: record.name, userId: record.userId },
      state: 'connected',
      sessions: 0,
      tunnels: 0,
      cpuPercent: 0,
      rssBytes: 0,
      rttUs: 0,
      edges: new Map(),
    }
    channel.hold() // from here on others know of it
    if (role !== 'client') {
      const there = () => (role === 'connector' ? presence.connector(id) : presence.edge(id))
      for (let before = there(); before; before = there())
        await this.#replace(before, { from, host: hello.host })
      if (role === 'connector') presence.addConnector(connected)
      else presence.addEdge(connected)
    } else {
      shares.connections.take(id, record.userId)
      void this.#guard(
        peer,
        channel.closed.then(() => shares.connections.give(id, record.userId)),
      )
      this.#sayTwoPlaces(connected)
      presence.addClient(connected)
    }
    const sayEnded = () => {
      const { name, signIn } = record
      if (signIn !== undefined && signIn.endMs <= peer.notAfterMs) {
        sayGoodbye(channel, signInOver(`device ${name} (${id})`, signIn))
        return
      }
      const notAfter = rfc3339(peer.notAfterMs)
      const ended = `the certificate expired at ${notAfter} and was not renewed in time`
      sayGoodbye(channel, new Fault('CERT_EXPIRED', `${role} ${id}: ${ended}`, { seen: { notAfter } }))
    }
    const certificateEnds = atDate(peer.notAfterMs, sayEnded, clock)
    void this.#guard(
      peer,
      channel.closed.then((fault) => {
        certificateEnds[Symbol.dispose]()
        presence.remove(connected)
        handlers.left(connected, fault && selfInflicted(fault, this.#watch.recent(), 'control'))
      }),
    )
    // Whoever was disabled or signed out while the former connection was asked for a sign of life was not here to be cut.
    await admitted(store, peer.identity, clock.nowMs())
    const welcome = () => handlers.welcome(connected)
    const [first, ...more] =
      role === 'client' ? await shares.welcomes.run(record.userId ?? id, welcome) : await welcome()
    if (first !== undefined) channel.release(first)
    channel.sendAll(more)
    const inTurn = new MessageQueue<AgentMessage>({
      atOnce: AT_ONCE,
      mayWait: MAY_WAIT,
      work: (message) => this.#guard(peer, this.#answer(connected, message)),
      full: (isFull) => (isFull ? channel.pause() : channel.resume()),
    })
    void channel.closed.then(() => inTurn.drop())
    channel.onMessage = (message) => inTurn.take(message)
    log.info(
      { event: 'agent.connected', agent: id, from, host: hello.host, program: hello.program },
      `${role} ${id} connected`,
    )
  }

  /**
   * One identity, one place: if the connection that is there still answers, the newcomer is a copy of its state;
   * if not, it is the same machine coming back after a break.
   */
  async #replace(before: Connected, { from, host }: { from: string; host: string }): Promise<void> {
    const alive = await before.channel.isAlive(ALIVE_MS)
    if (alive) {
      // Behind one NAT both addresses are the same, and the names of the hosts need not be.
      const why = `hosts ${host} and ${before.hostName} are connected at the same time`
      throw cloned(before.peer.identity.id, from, before.from, why)
    }
    before.channel.close(
      new Fault('CONTROL_UNREACHABLE', 'replaced by a newer connection of the same identity'),
    )
    this.#deps.presence.remove(before)
  }

  /** A name may change while a machine runs, so nobody is refused for it: the first renewal tells (adopt.ts). */
  #sayTwoPlaces({ peer, from, hostName }: Connected): void {
    const { id } = peer.identity
    for (const other of this.#deps.presence.clients(id)) {
      if (other.hostName === hostName) continue
      this.#deps.log.warn(
        {
          event: 'agent.two-places',
          agent: id,
          from,
          host: hostName,
          otherFrom: other.from,
          otherHost: other.hostName,
        },
        `device ${id} is connected from host ${other.hostName} (${other.from}) and also connects from ${hostName} (${from}): its state may have been copied`,
      )
      return
    }
  }

  async #answer(connected: Connected, message: AgentMessage): Promise<void> {
    const { handlers, log } = this.#deps
    const { channel } = connected
    try {
      if (message.type === 'hello') throw new Fault('PROTOCOL_ERROR', 'a second hello arrived')
      const answer = await handlers.handle(connected, message)
      if (answer !== undefined) channel.send(answer)
    } catch (error) {
      const fault = asFault(error)
      // One message that cannot be worked on costs its sender that message: the connection carries many more.
      const about = { agent: connected.peer.identity.id, type: message.type, code: fault.code }
      if (fault.code === 'INTERNAL') log.error({ event: 'agent.defect', err: error, ...about }, fault.message)
      if (isOverShare(fault)) log.warn({ event: 'share.full', ...about, seen: fault.seen }, fault.message)
      if ('id' in message) channel.send({ type: 'failed', id: message.id, fault: faultToMessage(fault) })
      else if (fault.code === 'PROTOCOL_ERROR') sayGoodbye(channel, fault)
      else if (fault.code !== 'INTERNAL')
        log.warn({ event: 'agent.refused-message', ...about }, fault.message)
    }
  }
}
