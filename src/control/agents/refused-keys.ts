/**
 * Machines that came with a provisioning key that did not let them in: kept in memory, for whoever looks at the key. Only
 * who has a secret can be counted here, so that strangers leave no trace.
 *
 * @module
 */
import type { Fault } from '../../base/faults.ts'

/** Who came with a key last and was turned away. */
export interface KeyRefusal {
  readonly atMs: number
  readonly address: string
  /** As the machine calls itself. */
  readonly host: string
  /** By which the same machine is known again: names may be those of an image. */
  readonly publicKeyHash: string
  /** With this code, one after the other. */
  readonly times: number
  readonly fault: Pick<Fault, 'code' | 'hop' | 'detail'>
}

const MAX_KEYS = 1000

export class RefusedKeys {
  readonly #byKey = new Map<string, KeyRefusal>()

  /** @param fault Its evidence names the key; without one nothing is kept. */
  refused(fault: Fault, who: Pick<KeyRefusal, 'address' | 'host' | 'publicKeyHash'>, atMs: number): void {
    const { key } = fault.seen
    if (typeof key !== 'string') return
    const before = this.#byKey.get(key)
    const times = before?.fault.code === fault.code ? before.times + 1 : 1
    const { code, hop, detail } = fault
    this.#byKey.delete(key) // Set anew it comes last: the first are the oldest.
    this.#byKey.set(key, { ...who, atMs, times, fault: { code, hop, detail } })
    if (this.#byKey.size > MAX_KEYS) this.#byKey.delete(this.#byKey.keys().next().value!)
  }

  /** This machine is in, with whatever key: what it was refused for is over. */
  enrolled(publicKeyHash: string): void {
    for (const [key, refusal] of this.#byKey)
      if (refusal.publicKeyHash === publicKeyHash) this.#byKey.delete(key)
  }

  of(key: string): KeyRefusal | undefined {
    return this.#byKey.get(key)
  }
}
