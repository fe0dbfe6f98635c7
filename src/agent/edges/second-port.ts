import { Condition } from '../../base/condition.ts'
import type { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import type { EdgeAddress } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import { measureEdge } from './edge-survey.ts'

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
  readonly #blocked: Condition
  #looking = false

  constructor(options: SecondPortOptions) {
    this.#o = options
    const over = 'The control port of the edge is no longer blocked'
    this.#blocked = new Condition(options.log, {
      ...{ begins: 'control.port-blocked', ends: 'control.port-open', over },
      // That of another edge, or blocked in another way, is something else to look for.
      identity: ({ detail }) => detail,
    })
  }

  /** CONTROL_PORT_BLOCKED, while control connections have to take the port that every edge has. */
  get blocked(): Fault | undefined {
    return this.#blocked.fault
  }

  /** For a dial. */
  to(edge: EdgeAddress): EdgeAddress {
    const controlPort = this.#o.controlPort ?? edge.controlPort
    if (controlPort === undefined) this.tried(undefined)
    return controlPort === edge.controlPort ? edge : { ...edge, controlPort }
  }

  /** The dial is over. */
  tried(fault: Fault | undefined): void {
    this.#blocked.set(fault)
  }

  /** Somebody may have repaired the way meanwhile: the next dial will use it. */
  lookAgain(edge: EdgeAddress): void {
    const { controlPort, ...main } = edge
    if (this.blocked === undefined || controlPort === undefined || this.#looking) return
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
    this.#blocked[Symbol.dispose]()
    this.#stop.abort()
  }
}
