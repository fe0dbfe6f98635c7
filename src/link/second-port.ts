import { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { EdgeAddress } from './credentials.ts'
import { measureEdge } from './edge-survey.ts'
import { type Egress, hostPort } from './egress.ts'

export interface SecondPortOptions {
  /** Set by hand, in place of what the list of edges says. */
  readonly controlPort?: number
  readonly egress: () => Egress
  readonly log: Log
}

/** What is known of the second port, for control connections only, of the edge in use. Says when it begins and ends. */
export class SecondPort implements Disposable {
  readonly #o: SecondPortOptions
  readonly #stop = new AbortController()
  #blocked: Fault | undefined
  #looking = false

  constructor(options: SecondPortOptions) {
    this.#o = options
  }

  /** CONTROL_PORT_BLOCKED, while control connections have to take the port that every edge has. */
  get blocked(): Fault | undefined {
    return this.#blocked
  }

  /** For a dial. */
  to(edge: EdgeAddress): EdgeAddress {
    const controlPort = this.#o.controlPort ?? edge.controlPort
    if (controlPort === undefined) this.tried(undefined)
    return controlPort === edge.controlPort ? edge : { ...edge, controlPort }
  }

  /** The dial is over. */
  tried(fault: Fault | undefined): void {
    const before = this.#blocked
    this.#blocked = fault
    const { log } = this.#o
    if (fault !== undefined && fault.detail !== before?.detail) {
      const { code, hop, seen, message } = fault
      log.warn({ event: 'control.port-blocked', code, hop, seen }, message)
    } else if (fault === undefined && before !== undefined) {
      log.info({ event: 'control.port-open' }, 'The control port of the edge is blocked no more')
    }
  }

  /** Somebody may have repaired the way meanwhile: the next dial will use it. */
  lookAgain(edge: EdgeAddress): void {
    const { controlPort, ...main } = edge
    if (this.#blocked === undefined || controlPort === undefined || this.#looking) return
    this.#looking = true
    const { egress, log } = this.#o
    measureEdge({ ...main, port: controlPort }, { egress: egress(), signal: this.#stop.signal })
      .then((found) => {
        if ('rttUs' in found) this.tried(undefined)
      })
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return
        log.error({ event: 'control.port-unmeasured', err: error }, hostPort(edge))
      })
      .finally(() => {
        this.#looking = false
      })
  }

  [Symbol.dispose](): void {
    this.#stop.abort()
  }
}

/** The note: not fatal, as the port that every edge has was found open in the same moment. */
export function blocked(fault: Fault, second: EdgeAddress, main: EdgeAddress): Fault {
  const how = howStopped(fault)
  return new Fault(
    'CONTROL_PORT_BLOCKED',
    `${hostPort(second)} ${how} (${fault.code}); ${hostPort(main)} works and is used`,
    {
      cause: fault,
      seen: { port: second.port, how, because: fault.code, works: main.port },
    },
  )
}

/** Dropped or refused: who looks for the rule in the firewall wants to know. */
export function howStopped({ code }: Fault): string {
  if (code === 'EGRESS_REJECTED') return 'was refused'
  if (code === 'PROXY_REFUSED') return 'was refused by the proxy'
  if (code === 'PROXY_AUTH') return 'was refused by the proxy, which wants a sign-in'
  if (code === 'PROXY_UNREACHABLE') return 'was not tried: the proxy does not answer'
  if (code === 'EGRESS_BLOCKED') return 'was dropped: no answer'
  if (code === 'EDGE_UNREACHABLE') return 'has no way to it'
  if (code === 'HANDSHAKE_TIMEOUT') return 'connects, and the handshake stands still'
  return 'answered, but not as an edge'
}
