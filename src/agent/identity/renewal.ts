import { type Clock, rfc3339 } from '../../base/clock.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { requireOwnCertificate } from '../../link/dial/accept-certificate.ts'
import type { AgentRole } from '../../pki/identity.ts'
import type { ControlMessage, WelcomeMessage } from '../../wire/control.ts'
import type { Companion } from '../link/companion.ts'
import type { ControlLink } from '../link/control-link.ts'
import { type AgentCertificate, renewAtMs } from './agent-certificate.ts'

const RENEW_MS = 20_000
/** Between attempts that failed; there is a third of a life left for them. */
const RETRY_MS = 60_000

export interface RenewalOptions<Held extends AgentCertificate> {
  readonly role: AgentRole
  readonly idOf: (held: Held) => string
  readonly current: () => Held | undefined
  /** Another process may have renewed it: what is current is read again before it is asked for. */
  readonly refresh?: () => Promise<void>
  /** No certificate outlives it. */
  readonly endMs?: (held: Held) => number | undefined
  /** More that came with it. */
  readonly more?: (renewed: Extract<ControlMessage, { type: 'renewed' }>) => Partial<Held>
  /** Stores it, before it is used. */
  readonly save: (renewed: Held) => Promise<void>
  /** From here on it is the current one; what is proved to others is this from the next connection on. */
  readonly use: (renewed: Held) => void
  readonly clock: Clock
  readonly log: Log
}

type RenewalLink = Pick<ControlLink, 'isUp' | 'request' | 'redial'>

/** Keeps a certificate fresh: asks at two thirds of its life, stores the answer before it is used. */
export class Renewal<Held extends AgentCertificate> implements Companion {
  readonly #o: RenewalOptions<Held>
  #notBeforeMs = 0
  #asking = false

  constructor(o: RenewalOptions<Held>) {
    this.#o = o
  }

  up(_welcome: WelcomeMessage, { link }: { readonly link: RenewalLink }): void {
    this.tick(link)
  }

  tick(link: RenewalLink): void {
    const held = this.#o.current()
    if (held !== undefined && link.isUp && this.#isDue(held)) void this.#renew(held, link)
  }

  #isDue(held: Held): boolean {
    const nowMs = this.#o.clock.nowMs()
    const endMs = this.#o.endMs?.(held) ?? Number.POSITIVE_INFINITY
    return !this.#asking && held.notAfterMs < endMs && nowMs >= renewAtMs(held) && nowMs >= this.#notBeforeMs
  }

  async #renew(held: Held, link: RenewalLink): Promise<void> {
    const { clock, log } = this.#o
    this.#asking = true
    this.#notBeforeMs = clock.nowMs() + RETRY_MS
    try {
      await this.#o.refresh?.()
      if (this.#o.current() !== held) return
      const renewed = await this.#ask(held, link)
      await this.#o.save(renewed)
      if (this.#o.current() !== held) return // somebody signed in meanwhile
      this.#o.use(renewed)
      const { notAfterMs, generation } = renewed
      const until = rfc3339(notAfterMs)
      log.info({ event: 'certificate.renewed', until, generation }, `Certificate valid until ${until}`)
      link.redial({ why: 'certificate' })
    } catch (error) {
      const { code, hop, seen, detail } = asFault(error)
      const until = rfc3339(held.notAfterMs)
      log.warn(
        { event: 'certificate.renewal-failed', code, hop, seen, until },
        `Certificate could not be renewed and is valid until ${until}: ${code}: ${detail}`,
      )
    } finally {
      this.#asking = false
    }
  }

  /** @throws {Fault} as ControlLink.request; PROTOCOL_ERROR where what came is not for this one and its key. */
  async #ask(held: Held, link: RenewalLink): Promise<Held> {
    const { role, idOf, clock, more } = this.#o
    const { tenant, csrPem, keyPem, rootPem: root } = held
    const reply = await link.request({ type: 'renew', id: newId('req'), csr: csrPem }, RENEW_MS)
    if (reply.type !== 'renewed') {
      throw new Fault('PROTOCOL_ERROR', `the answer to renew was ${reply.type}`, { hop: 'control' })
    }
    const { certificate, notAfterMs, generation } = reply
    requireOwnCertificate({ id: idOf(held), tenant, certificate, root }, { role, keyPem })
    return { ...held, ...more?.(reply), certificate, notAfterMs, generation, receivedMs: clock.nowMs() }
  }
}
