import { type Clock, rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { AgentMessage, ControlMessage } from '../../wire/control.ts'
import { acceptCertificate, type ConnectorIdentity, renewAtMs, saveIdentity } from './identity.ts'
import type { SealedState } from './sealed-state.ts'

const RENEW_MS = 20_000
/** Between attempts that failed; there is a third of a life left for them. */
const RETRY_MS = 60_000

/** Keeps the certificate fresh: asks at two thirds of its life, stores the answer before it is used. */
export class Renewal {
  readonly #o: { sealedState: SealedState; clock: Clock; log: Log }
  #notBeforeMs = 0
  #asking = false

  constructor(o: { sealedState: SealedState; clock: Clock; log: Log }) {
    this.#o = o
  }

  isDue(identity: ConnectorIdentity): boolean {
    const nowMs = this.#o.clock.nowMs()
    return !this.#asking && nowMs >= renewAtMs(identity) && nowMs >= this.#notBeforeMs
  }

  /** @returns The identity with its new certificate, stored; or nothing if it did not work this time. */
  async renew(
    identity: ConnectorIdentity,
    request: (message: AgentMessage & { id: string }, timeoutMs: number) => Promise<ControlMessage>,
  ): Promise<ConnectorIdentity | undefined> {
    const { sealedState, clock, log } = this.#o
    this.#asking = true
    this.#notBeforeMs = clock.nowMs() + RETRY_MS
    try {
      const csr = identity.csrPem
      const reply = await request({ type: 'renew', id: newId('req'), csr }, RENEW_MS)
      if (reply.type !== 'renewed') {
        throw new Fault('PROTOCOL_ERROR', `the answer to renew was ${reply.type}`, { hop: 'control' })
      }
      const { certificate, notAfterMs, generation } = reply
      const renewed = acceptCertificate(
        {
          id: identity.id,
          tenant: identity.tenant,
          root: identity.rootPem,
          certificate,
          notAfterMs,
          generation,
        },
        { keyPem: identity.keyPem, csrPem: csr, edge: identity.edge, nowMs: clock.nowMs() },
      )
      await saveIdentity(sealedState, renewed)
      log.info(
        { event: 'certificate.renewed', until: rfc3339(notAfterMs), generation },
        `Certificate valid until ${rfc3339(notAfterMs)}`,
      )
      return renewed
    } catch (error) {
      log.warn(
        { event: 'certificate.renewal-failed', err: error, until: rfc3339(identity.notAfterMs) },
        `Certificate could not be renewed and is valid until ${rfc3339(identity.notAfterMs)}`,
      )
      return undefined
    } finally {
      this.#asking = false
    }
  }
}
