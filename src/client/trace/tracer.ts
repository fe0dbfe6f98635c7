/**
 * What a client does when control asks it to trace: says what it would decide, then opens a session as any program
 * would and looks at every hop it goes over. Nobody's bytes but its own are touched.
 *
 * @module
 */
import { isIP } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { lackOfDescriptors } from '../../base/descriptor-watch.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { shortageFault } from '../../base/shortage.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import {
  type AgentMessage,
  type ControlMessage,
  MAX_TRACE_TEXT_CHARS,
  type TraceHop,
  type TraceStep,
  type TraceTold,
} from '../../wire/control.ts'
import { traceHopOf } from '../../wire/trace-hop.ts'
import { destination } from '../address/destination.ts'
import type { ClientSession } from '../session/client-session.ts'
import type { ClientTunnel } from '../session/client-tunnel.ts'
import type { GrantCache } from '../session/grant-cache.ts'
import type { PrivateLane } from '../session/lane-chooser.ts'
import type { Opener } from '../session/open-session.ts'
import { lookAtApp } from './app-look.ts'
import { openCanary } from './canary-session.ts'
import { largeTransfer } from './transfer.ts'

export interface TracerDeps {
  readonly opener: Opener
  readonly grants: GrantCache
  readonly send: (message: AgentMessage) => unknown
  readonly clock: Clock
  readonly log: Log
}

type Trace = Extract<ControlMessage, { type: 'trace' }>
type Said = Omit<TraceStep, 'hop'>

/** Control waits a little longer. */
const ALL_MS = 24_000
/** Traces of one device at a time: control asks for one, and a second control may ask for another. */
const MAX_AT_ONCE = 2

export class Tracer {
  readonly #deps: TracerDeps
  #running = 0

  constructor(deps: TracerDeps) {
    this.#deps = deps
  }

  /** Never rejects: control is told. */
  async run(asked: Trace): Promise<void> {
    const { send, log, opener, grants } = this.#deps
    const tell = (told: Omit<TraceTold, 'type' | 'id'>) => send({ type: 'trace-step', id: asked.id, ...told })
    const say = (hop: TraceHop, said: Said) => tell({ step: cut({ hop, ...said }) })
    const where = { event: 'client.traced', trace: asked.id, host: asked.host, port: asked.port }
    if (this.#running >= MAX_AT_ONCE) {
      say('client', unknown('it is already tracing'))
      tell({ end: true })
      return
    }
    this.#running++
    try {
      log.info(where, `the control plane traces the way to ${hostPort(asked)} from this device`)
      const to = destination(asked.host, asked.port, asked.protocol)
      const lane = opener.lanes.choose(to, 'trace')
      if (lane.lane === 'internet') {
        const why = `internet rule ${lane.rule} matches ${lane.pattern}: this device sends it directly, without a tunnel`
        say('client', failure(new Fault('CLIENT_NOT_COVERED', why, { seen: { rule: lane.rule } })))
        return
      }
      const held = grants.find(to.key)
      const grant =
        held === undefined
          ? 'asks the control plane'
          : `holds a grant for it, through ${held.granted.connectorName ?? held.granted.connector}, until ${new Date(held.granted.expiresMs).toISOString()}`
      // A canary needs none, and the programs of the user do.
      const short = shortageFault(
        await lackOfDescriptors(),
        'connections from programs are closed on arrival',
        {
          hop: 'client',
        },
      )
      if (short !== undefined) {
        say('client', failure(short))
        return
      }
      say('client', { verdict: 'pass', text: `it treats ${hostPort(to)} as private and ${grant}` })
      if (asked.canary !== undefined) await this.#fly(lane, asked.canary.echo, say, tell)
    } catch (error) {
      const fault = asFault(error)
      say(traceHopOf(fault), failure(fault))
    } finally {
      this.#running--
      tell({ end: true })
    }
  }

  async #fly(
    lane: PrivateLane,
    echo: readonly { connector: string; grant: string }[],
    say: (hop: TraceHop, said: Said) => void,
    tell: (told: Omit<TraceTold, 'type' | 'id'>) => void,
  ): Promise<void> {
    const { to } = lane
    const signal = AbortSignal.timeout(ALL_MS)
    const flight = await openCanary(this.#deps.opener, lane, signal)
    const { session, fault } = flight
    if (session.id !== undefined) tell({ session: session.id })
    const tunnel = session.tunnel
    const alive = tunnel !== undefined && (await this.#lookAtTunnel(tunnel, session, say, tell))
    if (!alive) {
      if (fault !== undefined) say(traceHopOf(fault), failure(fault))
      flight.end()
      return
    }
    const looked = flight.stream && lookAtApp(flight.stream, to)
    await this.#transfer(tunnel, echo, signal, say)
    if (fault === undefined) {
      sayReached(session, say)
      if (looked === undefined) {
        say('tls', { verdict: 'skip', text: 'UDP' })
        say('application', unknown('whether datagrams arrive cannot be seen'))
      } else {
        const [secured, application] = await looked
        say('tls', secured)
        say('application', application)
      }
    } else {
      const hop = traceHopOf(fault)
      if (hop === 'connect' && isIP(to.host) === 0) say('dns', resolved(to.host, fault))
      say(hop, failure(fault))
    }
    flight.end()
  }

  /** Says how the edge and the connector did. @returns false if there is no use in going on. */
  async #lookAtTunnel(
    tunnel: ClientTunnel,
    session: ClientSession,
    say: (hop: TraceHop, said: Said) => void,
    tell: (told: Omit<TraceTold, 'type' | 'id'>) => void,
  ): Promise<boolean> {
    const { connector, edge, pipe, wrapped } = tunnel.facts
    tell({ way: { connector, edge, pipe } })
    const { handoverUs, innerTlsUs } = session.times
    const how = wrapped ? ', inside its outer TLS' : ''
    const pipeText =
      handoverUs === undefined ? `pipe ${pipe} was already open` : `pipe ${pipe} was opened for this`
    say('edge', { verdict: 'pass', us: handoverUs, text: `${pipeText}${how}` })
    try {
      const us = await tunnel.mux.ping()
      const fresh = innerTlsUs === undefined ? '' : `end-to-end TLS in ${(innerTlsUs / 1000).toFixed(1)} ms; `
      say('connector', { verdict: 'pass', us, text: `${fresh}a frame came back through the tunnel` })
      return true
    } catch (error) {
      say('connector', failure(asFault(error, 'TUNNEL_LOST')))
      return false
    }
  }

  async #transfer(
    tunnel: ClientTunnel,
    echo: readonly { connector: string; grant: string }[],
    signal: AbortSignal,
    say: (hop: TraceHop, said: Said) => void,
  ): Promise<void> {
    const grant = echo.find(({ connector }) => connector === tunnel.facts.connector)?.grant
    if (grant === undefined) {
      say('transfer', unknown(`no permission for a transfer to ${tunnel.facts.connector}`))
      return
    }
    try {
      const session = newId('ses', this.#deps.clock.nowMs())
      const { bytes, us } = await largeTransfer(tunnel, { session, grant, signal })
      say('transfer', { verdict: 'pass', us, text: `${bytes} bytes sent and returned unchanged` })
    } catch (error) {
      say('transfer', failure(asFault(error, 'TUNNEL_LOST')))
    }
  }
}

function sayReached(
  { address, times, start: { to } }: ClientSession,
  say: (hop: TraceHop, said: Said) => void,
): void {
  if (isIP(to.host) !== 0) say('dns', { verdict: 'skip', text: 'the destination is an address' })
  else {
    const kept = times.dnsUs === 0 ? ', cached by the connector' : ''
    say('dns', { verdict: 'pass', us: times.dnsUs, text: `${to.host} is at ${address}${kept}` })
  }
  const text = `${address}, port ${to.port}, from the connector`
  if (to.protocol === 'udp') say('connect', { verdict: 'skip', text: `UDP: datagrams go to ${text}` })
  else say('connect', { verdict: 'pass', us: times.connectUs, text })
}

/** The dial failed, so the name was resolved: to what is in the evidence. */
function resolved(name: string, { seen }: Fault): Said {
  const { address, addresses } = seen
  const found = [address ?? addresses ?? []].flat().join(', ')
  return { verdict: 'pass', text: found === '' ? `${name} was resolved` : `${name} is at ${found}` }
}

function failure(fault: Fault): Said {
  return { verdict: 'fail', text: fault.detail, fault: faultToMessage(fault) }
}

function unknown(text: string): Said {
  return { verdict: 'unknown', text }
}

function cut(step: TraceStep): TraceStep {
  return { ...step, text: step.text.slice(0, MAX_TRACE_TEXT_CHARS) }
}
