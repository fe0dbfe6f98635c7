import { type Clock, rfc3339 } from '../../base/clock.ts'
import { asFault, Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { type ControlEnd, sayGoodbye } from '../../link/control-channel.ts'
import { faultToMessage } from '../../link/fault-message.ts'
import type { Peer } from '../../pki/verify.ts'
import type { Store } from '../../store/store.ts'
import { type AgentMessage, type ControlMessage, PROTOCOL_VERSION } from '../../wire/control.ts'
import { adoptCertificate, cloned } from './adopt.ts'
import { revoked } from './certify.ts'
import { InTurn } from './in-turn.ts'
import type { Connected, Presence } from './presence.ts'
import { agentRecord } from './records.ts'

type Hello = Extract<AgentMessage, { type: 'hello' }>
export type AfterHello = Exclude<AgentMessage, Hello>

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
export type Place = Pick<Connected, 'from' | 'via'>

export interface HubDeps {
  readonly store: Store
  readonly presence: Presence
  readonly handlers: AgentHandlers
  readonly clock: Clock
  readonly log: Log
}

const HELLO_MS = 10_000
/** How long the connection of an identity has to prove that it is alive when a second one comes. */
const ALIVE_MS = 2_000
const CLIENT_CONNECTIONS = 32
/** Messages of one connection that are worked on at the same time. */
const AT_ONCE = 8
/** A difference that certificates bear, but that will not stay small. */
const SKEW_WARN_MS = 60_000

/** Takes control connections of agents: hello, who is this really, welcome, then one message after the other. */
export class Hub {
  readonly #deps: HubDeps
  readonly #open = new Set<ControlEnd>()

  constructor(deps: HubDeps) {
    this.#deps = deps
  }

  /** @param via The edge that the connection came in by. */
  attach(channel: ControlEnd, peer: Peer, { from, via }: Place): void {
    this.#open.add(channel)
    const timer = setTimeout(
      () => sayGoodbye(channel, new Fault('HANDSHAKE_TIMEOUT', 'no hello came')),
      HELLO_MS,
    )
    void channel.closed.then(() => {
      clearTimeout(timer)
      this.#open.delete(channel)
    })
    channel.onMessage = (message) => {
      clearTimeout(timer)
      if (message.type !== 'hello') {
        sayGoodbye(channel, new Fault('PROTOCOL_ERROR', `the first message was ${message.type}, not hello`))
        return
      }
      channel.onMessage = undefined // What comes while the hello is judged waits in the channel.
      this.#greet(channel, peer, { from, via }, message).catch((error) => {
        const fault = asFault(error)
        this.#deps.log.warn(
          { event: 'agent.refused', agent: peer.identity.id, from, code: fault.code, seen: fault.seen },
          fault.message,
        )
        this.#deps.handlers.refused(peer, from, fault)
        sayGoodbye(channel, fault)
      })
    }
  }

  /** Says goodbye to everyone and ends their connections: the program stops. */
  async close(): Promise<void> {
    const channels = [...this.#open]
    for (const channel of channels) channel.close()
    await Promise.all(channels.map((channel) => channel.closed))
  }

  async #greet(channel: ControlEnd, peer: Peer, { from, via }: Place, hello: Hello): Promise<void> {
    const { store, presence, handlers, clock, log } = this.#deps
    const { id, role } = peer.identity
    if (hello.version !== PROTOCOL_VERSION) {
      const detail = `the agent speaks ${hello.version} (${hello.program}), the control plane ${PROTOCOL_VERSION}`
      throw new Fault('VERSION_UNSUPPORTED', detail)
    }
    if (hello.role !== role)
      throw new Fault('PROTOCOL_ERROR', `the certificate says ${role}, the hello ${hello.role}`)
    const record = await agentRecord(store, peer.identity)
    if (record === undefined || !record.enabled) throw revoked(peer.identity, record?.name)
    await adoptCertificate(store, peer, record, from)
    const skewMs = hello.timeMs - clock.nowMs()
    if (Math.abs(skewMs) > SKEW_WARN_MS) {
      log.warn(
        { event: 'agent.clock-skew', agent: id, skewMs },
        `clock of ${id} is ${Math.round(skewMs / 1000)} s off`,
      )
    }
    const connected: Connected = {
      peer,
      channel,
      from,
      via,
      hostName: hello.host,
      program: hello.program,
      sinceMs: clock.nowMs(),
      device: record.userId === undefined ? undefined : { name: record.name, userId: record.userId },
      posture: hello.posture ?? {},
      state: 'connected',
      sessions: 0,
      tunnels: 0,
      cpuPercent: 0,
      rssBytes: 0,
      rttUs: 0,
      edges: new Map(),
    }
    if (role !== 'client') {
      const there = () => (role === 'connector' ? presence.connector(id) : presence.edge(id))
      for (let before = there(); before; before = there())
        await this.#replace(before, { from, host: hello.host })
      if (role === 'connector') presence.addConnector(connected)
      else presence.addEdge(connected)
    } else {
      if (presence.clients(id).size >= CLIENT_CONNECTIONS) {
        throw new Fault('EDGE_BUSY', `device ${id} has ${CLIENT_CONNECTIONS} control connections`, {
          hop: 'control',
        })
      }
      presence.addClient(connected)
    }
    const certificateEnds = setTimeout(() => {
      const notAfter = rfc3339(peer.notAfterMs)
      const ended = `the certificate ended at ${notAfter} and was not renewed in time`
      sayGoodbye(channel, new Fault('CERT_EXPIRED', `${role} ${id}: ${ended}`, { seen: { notAfter } }))
    }, peer.notAfterMs - clock.nowMs()).unref()
    void channel.closed.then((fault) => {
      clearTimeout(certificateEnds)
      presence.remove(connected)
      handlers.left(connected, fault)
    })
    for (const message of await handlers.welcome(connected)) channel.send(message)
    const inTurn = new InTurn<AgentMessage>({
      atOnce: AT_ONCE,
      work: (message) => this.#answer(connected, message),
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
      const why = `host ${host} and host ${before.hostName} are connected at the same time`
      throw cloned(before.peer.identity.id, from, before.from, why)
    }
    before.channel.close(
      new Fault('CONTROL_UNREACHABLE', 'replaced by a newer connection of the same identity'),
    )
    this.#deps.presence.remove(before)
  }

  async #answer(connected: Connected, message: AgentMessage): Promise<void> {
    const { handlers, log } = this.#deps
    const { channel } = connected
    try {
      if (message.type === 'hello') throw new Fault('PROTOCOL_ERROR', 'hello came twice')
      const answer = await handlers.handle(connected, message)
      if (answer !== undefined) channel.send(answer)
    } catch (error) {
      const fault = asFault(error)
      if (fault.code === 'INTERNAL')
        log.error({ event: 'agent.defect', err: error, type: message.type }, fault.message)
      if ('id' in message) channel.send({ type: 'failed', id: message.id, fault: faultToMessage(fault) })
      else sayGoodbye(channel, fault)
    }
  }
}
