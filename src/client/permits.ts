import { Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import type { ControlMessage, PipeTicket } from '../wire/control.ts'
import { type Destination, showDestination } from './destination.ts'
import type { CachedGrant, GrantCache } from './grants.ts'

/** The part of a control link that asking needs. */
export interface Asking {
  request(
    message:
      | {
          type: 'authorize'
          id: string
          session: string
          host: string
          port: number
          protocol: 'tcp' | 'udp'
          wantPipe: boolean
          have: string[]
        }
      | { type: 'want-pipe'; id: string; connector: string; session: string },
    timeoutMs: number,
  ): Promise<ControlMessage>
}

export interface PermitsOptions {
  readonly grants: GrantCache
  readonly log: Log
  /** The control link once it is up; waits for one that is coming up. Rejects with the Fault that keeps it down. */
  readonly control: () => Promise<Asking>
  /** Connectors to which a tunnel is open or opening. */
  readonly connectors: () => string[]
  readonly skewMs: () => number
  /** A pipe came that no session waits for. */
  readonly onPipe: (connector: string, pipe: PipeTicket) => void
}

export interface Answer {
  readonly grant: CachedGrant
  /** This call asked; false: it waited for another one's answer, whose pipe is not its own. */
  readonly fresh: boolean
}

const ASK_TIMEOUT_MS = 8000
const MAX_HAVE = 64

/** Asks the control plane, once for all that ask the same at the same time, and keeps grants in use alive. */
export class Permits {
  readonly #o: PermitsOptions
  readonly #asking = new Map<string, Promise<CachedGrant>>()

  constructor(options: PermitsOptions) {
    this.#o = options
  }

  /** @throws {Fault} as the control plane denies, or CONTROL_UNREACHABLE. */
  async ask(to: Destination, session: string): Promise<Answer> {
    const asked = this.#asking.get(to.key)
    if (asked !== undefined) return { grant: await asked, fresh: false }
    const asking = this.#authorize(to, session)
    this.#asking.set(to.key, asking)
    try {
      return { grant: await asking, fresh: true }
    } finally {
      this.#asking.delete(to.key)
    }
  }

  /** @throws {Fault}. */
  async wantPipe(connector: string, session: string): Promise<PipeTicket> {
    const control = await this.#o.control()
    const id = newId('req')
    const answer = await control.request({ type: 'want-pipe', id, connector, session }, ASK_TIMEOUT_MS)
    if (answer.type !== 'pipe') throw unexpected(answer)
    return answer.pipe
  }

  /** Renews what is in use and near its end. What is denied now is dropped now; what cannot be asked is kept. */
  async renewDue(): Promise<void> {
    await Promise.all(this.#o.grants.dueForRenewal().map((grant) => this.#renew(grant)))
  }

  /** Asks although no session waits, and has the pipe taken that comes with the answer. */
  async warm(to: Destination): Promise<void> {
    const { grant, fresh } = await this.ask(to, newId('ses'))
    const { connector, pipe } = grant.granted
    if (fresh && pipe !== undefined) this.#o.onPipe(connector, pipe)
  }

  async #renew(grant: CachedGrant): Promise<void> {
    grant.renewing = true
    try {
      await this.warm(grant.to)
    } catch (error) {
      const fault = error instanceof Fault ? error : undefined
      const denied = fault !== undefined && !fault.retry
      if (denied) this.#o.grants.drop(grant)
      this.#o.log.warn(
        { event: 'grant.not-renewed', destination: grant.to.key, code: fault?.code, dropped: denied },
        `the grant for ${showDestination(grant.to)} was not renewed: ${fault?.detail ?? String(error)}`,
      )
    } finally {
      grant.renewing = false
    }
  }

  async #authorize(to: Destination, session: string): Promise<CachedGrant> {
    const control = await this.#o.control()
    const { host, port, protocol } = to
    const have = this.#o.connectors().slice(0, MAX_HAVE)
    const id = newId('req')
    const answer = await control.request(
      { type: 'authorize', id, session, host, port, protocol, wantPipe: true, have },
      ASK_TIMEOUT_MS,
    )
    if (answer.type !== 'granted') throw unexpected(answer)
    return this.#o.grants.put(to, answer, this.#o.skewMs())
  }
}

function unexpected(answer: ControlMessage): Fault {
  return new Fault('PROTOCOL_ERROR', `the control plane answered with ${answer.type}`, { hop: 'control' })
}
