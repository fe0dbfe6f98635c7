import { setImmediate as immediate, setTimeout as wait } from 'node:timers/promises'
import { asFault, Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { ControlMessage, PipeTicket } from '../../wire/control.ts'
import type { Destination } from '../address/destination.ts'
import type { CachedGrant, GrantCache } from './grant-cache.ts'

/** The part of a control link that asking needs. */
export interface PermitLink {
  request(
    message:
      | {
          type: 'authorize'
          id: string
          host: string
          port: number
          protocol: 'tcp' | 'udp'
          wantPipe: boolean
          have: string[]
        }
      | { type: 'want-pipe'; id: string; connector: string; session: string }
      | { type: 'look'; id: string; host: string; port: number },
    timeoutMs: number,
  ): Promise<ControlMessage>
}

export interface PermitsOptions {
  readonly grants: GrantCache
  readonly log: Log
  /** The control link once it is up; waits for one that is coming up. Rejects with the Fault that keeps it down. */
  readonly control: () => Promise<PermitLink>
  /** Connectors to which a tunnel is open or opening. */
  readonly connectors: () => string[]
  readonly skewMs: () => number
  /** A pipe came that no session waits for. */
  readonly onPipe: (connector: string, pipe: PipeTicket) => void
}

export interface PermitAnswer {
  readonly grant: CachedGrant
  /** This call asked; false: it waited for another one's answer, whose pipe is not its own. */
  readonly fresh: boolean
}

const ASK_TIMEOUT_MS = 8000
/** Later than this it was silence, which asking again does not help. */
const BROKE_WITHIN_MS = 4000
/** A question that control puts off is asked again for this long. */
const PATIENCE_MS = 8000
const MAX_HAVE = 64
/**
 * Pipes that are asked for at once. Each costs the edge and the connector a half that waits; a device that asks for many
 * destinations at once cannot know that they lie behind one connector. Where one is missing it is asked for by itself.
 */
const MAX_WANTED = 2

/** Asks the control plane, once for all that ask the same at the same time, and keeps grants in use alive. */
export class Permits {
  readonly #o: PermitsOptions
  readonly #asking = new Map<string, Promise<CachedGrant>>()
  #wanted = 0

  constructor(options: PermitsOptions) {
    this.#o = options
  }

  /** @throws {Fault} as the control plane denies, or CONTROL_UNREACHABLE. */
  async ask(to: Destination): Promise<PermitAnswer> {
    const asked = this.#asking.get(to.key)
    if (asked !== undefined) return { grant: await asked, fresh: false }
    const asking = this.#authorize(to)
    this.#asking.set(to.key, asking)
    try {
      return { grant: await asking, fresh: true }
    } finally {
      this.#asking.delete(to.key)
    }
  }

  /** @throws {Fault}. */
  async wantPipe(connector: string, session: string): Promise<PipeTicket> {
    const answer = await this.#request({ type: 'want-pipe', id: newId('req'), connector, session })
    if (answer.type !== 'pipe') throw unexpected(answer)
    return answer.pipe
  }

  /** Renews what is in use and near its end. What is denied now is dropped now; what cannot be asked is kept. */
  async renewDue(): Promise<void> {
    await Promise.all(this.#o.grants.dueForRenewal().map((grant) => this.#renew(grant)))
  }

  /** Asks although no session waits, and has the pipe taken that comes with the answer. */
  async warm(to: Destination): Promise<void> {
    const { grant, fresh } = await this.ask(to)
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
        `the grant for ${hostPort(grant.to)} was not renewed: ${fault?.detail ?? String(error)}`,
      )
    } finally {
      grant.renewing = false
    }
  }

  /** Again when it was told to come again soon: this device has asked for more at once than its share. */
  async #request(message: Parameters<PermitLink['request']>[0]): Promise<ControlMessage> {
    let leftMs = PATIENCE_MS
    for (;;) {
      try {
        return await this.#requestOnce(message)
      } catch (error) {
        const { code, seen } = asFault(error)
        const waitMs = Number(seen.retryAfterS) * 1000 * (1 + Math.random() / 2)
        if (code !== 'RATE_LIMITED' || !(waitMs <= leftMs)) throw error
        leftMs -= waitMs
        await wait(waitMs, undefined, { ref: false })
      }
    }
  }

  /** Once more where the connection broke under the question: the edge is gone, and the next one is there soon. */
  async #requestOnce(message: Parameters<PermitLink['request']>[0]): Promise<ControlMessage> {
    const control = await this.#o.control()
    const askedMs = performance.now()
    try {
      return await control.request(message, ASK_TIMEOUT_MS)
    } catch (error) {
      const broke = error instanceof Fault && error.code === 'CONTROL_UNREACHABLE'
      if (!broke || performance.now() - askedMs > BROKE_WITHIN_MS) throw error
      await immediate() // Until then the connection is not known to be gone.
      return (await this.#o.control()).request(message, ASK_TIMEOUT_MS)
    }
  }

  async #authorize(to: Destination): Promise<CachedGrant> {
    const { host, port, protocol } = to
    const have = this.#o.connectors().slice(0, MAX_HAVE)
    const id = newId('req')
    const wantPipe = this.#wanted < MAX_WANTED
    if (wantPipe) this.#wanted++
    try {
      const about = { host, port, protocol, wantPipe, have }
      const answer = await this.#request({ type: 'authorize', id, ...about })
      if (answer.type !== 'granted') throw unexpected(answer)
      return this.#o.grants.put(to, answer, this.#o.skewMs())
    } finally {
      if (wantPipe) this.#wanted--
    }
  }
}

function unexpected(answer: ControlMessage): Fault {
  return new Fault('PROTOCOL_ERROR', `the control plane answered with ${answer.type}`, { hop: 'control' })
}
