/**
 * A device asks about its own way to an application: control traces it as an admin would, and answers with what a person
 * at that device may know. Few at once: in an outage everybody asks, and one look is like the other.
 *
 * @module
 */
import { asFault, Fault, type Hop } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type { AgentMessage, ControlMessage, TraceHop } from '../../wire/control.ts'
import type { Connected } from '../presence/presence.ts'
import { type RunTraceDeps, runTrace } from './run-trace.ts'

type LookMessage = Extract<AgentMessage, { type: 'look' }>
type LookedMessage = Extract<ControlMessage, { type: 'looked' }>

const AT_ONCE = 4
const BUSY_S = 15
/** Whoever asked waits no longer. */
const ALL_MS = 20_000
const MAX_LINES = 4
const MAX_LINE_CHARS = 256

/** Beyond what a session is told anyhow: where bytes go, and no decision. */
const OF_THE_WAY: { readonly [hop in TraceHop]?: Hop } = {
  ...{ transfer: 'edge', dns: 'dns', connect: 'application', tls: 'application', application: 'application' },
}

export class OwnLooks {
  readonly #deps: RunTraceDeps
  #running = 0

  constructor(deps: RunTraceDeps) {
    this.#deps = deps
  }

  /** Answers by itself: what the device says meanwhile has to be read. @throws {Fault} RATE_LIMITED. */
  ask(client: Connected, look: LookMessage): void {
    if (this.#running >= AT_ONCE) {
      const seen = { retryAfterS: BUSY_S }
      throw new Fault('RATE_LIMITED', `${AT_ONCE} devices are being checked`, { hop: 'control', seen })
    }
    this.#running++
    this.#look(client, look)
      .catch(
        (error: unknown) => ({ type: 'failed', id: look.id, fault: faultToMessage(asFault(error)) }) as const,
      )
      .then((answer) => {
        this.#running--
        client.channel.send(answer)
      })
  }

  async #look({ peer, device }: Connected, { id, host, port }: LookMessage): Promise<LookedMessage> {
    if (device === undefined) throw new Fault('PROTOCOL_ERROR', 'a path check without a device')
    const { outcome, finding } = await runTrace(
      this.#deps,
      { user: device.userId, device: peer.identity.id, host, port, protocol: 'tcp' },
      { step: () => {}, signal: AbortSignal.timeout(ALL_MS) },
    )
    const hop = finding && OF_THE_WAY[finding.hop]
    if (finding === undefined || hop === undefined) return { type: 'looked', id, well: outcome === 'healthy' }
    const saw = finding.seen.slice(0, MAX_LINES).map((line) => line.slice(0, MAX_LINE_CHARS))
    const fault = new Fault(finding.code, `${hostPort({ host, port })}: ${finding.cause}`, {
      hop,
      seen: { saw },
    })
    return { type: 'looked', id, well: false, found: faultToMessage(fault) }
  }
}
