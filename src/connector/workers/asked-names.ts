import type { Fault } from '../../base/faults.ts'
import { faultFromMessage } from '../../link/control/fault-message.ts'
import type { Resolver } from '../dial/resolver.ts'
import type { ResolvedName } from './worker-messages.ts'

const MAX_KEPT = 4096

type KeptName = { readonly untilMs: number } & (
  | { readonly addresses: readonly string[] }
  | { readonly fault: Fault }
)

/** Names of applications in a process that has no resolver: the main one is asked, and its answers are kept as long as there. */
export class AskedNames implements Pick<Resolver, 'addresses'> {
  readonly #ask: (id: number, host: string, by: string | undefined) => void
  readonly #kept = new Map<string, KeptName>()
  readonly #asked = new Map<string, Promise<readonly string[]>>()
  readonly #open = new Map<number, (found: ResolvedName) => void>()
  #last = 0

  constructor(ask: (id: number, host: string, by: string | undefined) => void) {
    this.#ask = ask
  }

  addresses(host: string, by?: string): readonly string[] | Promise<readonly string[]> {
    const kept = this.#kept.get(host)
    if (kept !== undefined) {
      if (kept.untilMs > performance.now()) {
        return 'addresses' in kept ? kept.addresses : Promise.reject(kept.fault)
      }
      this.#kept.delete(host)
    }
    // Whoever asks for a name has a share of the look-ups, and a place of their own among those who wait for it.
    const question = `${by ?? ''} ${host}`
    const asked = this.#asked.get(question) ?? this.#question(host, by)
    this.#asked.set(question, asked)
    return asked.finally(() => this.#asked.delete(question))
  }

  #question(host: string, by: string | undefined): Promise<readonly string[]> {
    const id = ++this.#last
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
    this.#open.set(id, (found) => {
      const untilMs = performance.now() + found.keepMs
      if ('addresses' in found) {
        this.#keep(host, { untilMs, addresses: found.addresses })
        resolve(found.addresses)
      } else {
        const fault = faultFromMessage(found.fault)
        this.#keep(host, { untilMs, fault })
        reject(fault)
      }
    })
    this.#ask(id, host, by)
    return promise
  }

  #keep(host: string, kept: KeptName): void {
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    this.#kept.set(host, kept)
  }

  resolved(id: number, found: ResolvedName): void {
    const answer = this.#open.get(id)
    this.#open.delete(id)
    answer?.(found)
  }
}
