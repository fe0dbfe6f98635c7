import { askAdmin, denialOf } from '../../base/ask-admin.ts'
import { type Clock, rfc3339, systemClock } from '../../base/clock.ts'
import { CountedLines } from '../../base/counted-lines.ts'
import { wordsOf } from '../../base/fault-words.ts'
import type { Fault, FaultCode, Hop } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import { type AskedDestination, askAbout } from '../address/ask-about.ts'
import type { Destination } from '../address/destination.ts'

/** How a destination came in. */
export type EntryKind =
  | ('socks5' | 'http-connect' | 'http' | 'forward' | 'stdio' | 'socks5-udp' | 'forward-udp')
  /** The control plane asked for it. */
  | 'trace'
  /** At the local proxy, before it had said what it wants. */
  | 'local'

/** What the client made of requests to reach one destination. */
export interface ClientDecision {
  readonly at: string
  readonly entry: EntryKind
  readonly destination: string
  /** `bypassed`: it went straight to the internet, without a tunnel. */
  readonly outcome: 'sent' | 'bypassed' | 'refused'
  readonly code?: FaultCode
  readonly hop?: Hop
  readonly because: string
  /** What an admin can be asked about. */
  readonly denial?: string
  /** Of a refusal, for the person at this device: programs that speak SOCKS are told a number. */
  readonly fix?: string
  /** The command that says more. */
  readonly more?: string
  /** The command by which an admin sees more. */
  readonly ask?: string
  /** How often the same was decided in a row. */
  readonly times: number
}

/** A repeat within this time is counted and not logged again: a program that retries must not fill the disk. */
const QUIET_MS = 60_000
const KEPT = 100

/** The client says what it decided for each destination, also when it sent nothing: in the log, and in `status`. */
export class Decisions {
  readonly #log: Log
  readonly #clock: Clock
  /** By destination and outcome, oldest first. */
  readonly #kept = new Map<string, ClientDecision & { loggedUs: number }>()

  readonly #broken = new CountedLines()
  readonly #user: () => string | undefined

  /** @param user Who is signed in. */
  constructor(log: Log, clock: Clock = systemClock, user: () => string | undefined = () => undefined) {
    this.#log = log
    this.#clock = clock
    this.#user = user
  }

  /** Newest first. */
  get latest(): ClientDecision[] {
    return [...this.#kept.values()].reverse().map(({ loggedUs: _, ...decision }) => decision)
  }

  /** The command by which an admin sees more of what was refused here, if it shows them more. */
  adminCommand(fault: Fault, to?: AskedDestination): string | undefined {
    return askAdmin(fault, { user: this.#user(), to: to && hostPort(to) })
  }

  sent(entry: EntryKind, to: Destination, because: string): void {
    this.#record(`${to.key} sent`, { entry, destination: to.key, outcome: 'sent', because })
  }

  bypassed(entry: EntryKind, to: Destination, because: string): void {
    this.#record(`${to.key} bypassed`, { entry, destination: to.key, outcome: 'bypassed', because })
  }

  /** @param to What came, where it could not be read. */
  refused(entry: EntryKind, to: Destination | string, fault: Fault, session?: string): void {
    const { code, hop, detail } = fault
    const denial = denialOf(fault)
    const [destination, asked] = typeof to === 'string' ? [to] : [to.key, to]
    const { title, fix } = wordsOf(fault, { APP: asked?.host, PORT: asked?.port })
    const ask = this.adminCommand(fault, asked)
    const why = { code, hop, because: detail, denial, fix, more: askAbout(asked), ask }
    this.#record(
      `${destination} ${code}`,
      { entry, destination, outcome: 'refused', ...why },
      { session, title },
    )
  }

  /** A session that was open, and that neither side ended: the program sees a connection that ends, and no reason. */
  broke(entry: EntryKind, to: Destination, fault: Fault, session?: string): void {
    const { code, hop, detail } = fault
    const { title } = wordsOf(fault)
    const more = askAbout(to)
    const ask = this.adminCommand(fault, to)
    this.#broken.note(`${to.key} ${code}`, (times) => {
      const fields = {
        event: 'session.broke',
        entry,
        destination: to.key,
        code,
        hop,
        session,
        times,
        more,
        ask,
      }
      const many = times === 1 ? '' : ` ${times} times within a minute`
      this.#log.warn(
        fields,
        `${to.key} broke off${many}: ${code} (${hop}): ${title}: ${detail}${nextText({ more, ask })}`,
      )
    })
  }

  #record(
    key: string,
    decision: Omit<ClientDecision, 'at' | 'times'>,
    { session, title }: { session?: string; title?: string } = {},
  ): void {
    const nowMs = this.#clock.nowMs()
    const last = this.#kept.get(key)
    const loggedUs = this.#clock.monotonicUs()
    const quiet = last !== undefined && loggedUs - last.loggedUs < QUIET_MS * 1000
    const times = (last?.times ?? 0) + 1
    this.#kept.delete(key)
    this.#kept.set(key, {
      at: rfc3339(nowMs),
      ...decision,
      times,
      loggedUs: quiet ? last.loggedUs : loggedUs,
    })
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    if (quiet) return
    const fields = { event: 'client.decision', ...decision, session, times }
    if (decision.outcome !== 'refused')
      this.#log.info(fields, `${decision.destination} ${decision.outcome}: ${decision.because}`)
    else
      this.#log.warn(
        fields,
        `${decision.destination} refused${times === 1 ? '' : ` ${times} times`}: ${decision.code} (${decision.hop}): ${title}: ${decision.because}${nextText(decision)}`,
      )
  }
}

function nextText({ more, ask }: Pick<ClientDecision, 'more' | 'ask'>): string {
  return `; more: ${more}${ask === undefined ? '' : `; or ask an admin: ${ask}`}`
}
