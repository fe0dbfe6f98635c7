import type { AddressBytes } from '../base/ip-address.ts'
import { masked, type Network } from './network.ts'
import { PersistentMap } from './persistent-map.ts'

/** Things by network, so that those around an address are found in as many steps as there are lengths of networks. */
export class Networks<Item> {
  readonly #items: PersistentMap<string, Item[]>
  /** Lengths of prefixes, by size of the address; longest first. */
  readonly #prefixes: { readonly [bytes: number]: number[] }

  constructor(
    items = new PersistentMap<string, Item[]>(),
    prefixes: { readonly [bytes: number]: number[] } = { 4: [], 16: [] },
  ) {
    this.#items = items
    this.#prefixes = prefixes
  }

  /** Networks that have other things than those from which this was made by changes. */
  get changes(): number {
    return this.#items.changes
  }

  /** For whoever makes it, before another is made of it. */
  add(network: Network, item: Item): void {
    this.#know(network)
    const key = keyOf(network)
    const list = this.#items.get(key)
    if (list === undefined) this.#items.set(key, [item])
    else list.push(item)
  }

  /** Those of this very network. */
  at(network: Network): readonly Item[] {
    return this.#items.get(keyOf(network)) ?? []
  }

  /** Another one, where each of these networks has these things. */
  with(changes: readonly (readonly [Network, Item[]])[]): Networks<Item> {
    const keyed = new Map(changes.map(([network, items]) => [keyOf(network), items]))
    const prefixes = { 4: [...this.#prefixes[4]!], 16: [...this.#prefixes[16]!] }
    const made = new Networks(this.#items.with(keyed), prefixes)
    for (const [network] of changes) made.#know(network)
    return made
  }

  #know({ bytes, prefix }: Network): void {
    const prefixes = this.#prefixes[bytes.length]!
    if (prefixes.includes(prefix)) return
    prefixes.push(prefix)
    prefixes.sort((a, b) => b - a)
  }

  /** Those of one network after the other, the smallest first. @param below Only of networks with a shorter prefix. */
  *around(address: AddressBytes, below = Number.POSITIVE_INFINITY): Generator<readonly Item[]> {
    for (const prefix of this.#prefixes[address.length]!) {
      if (prefix >= below) continue
      const found = this.#items.get(keyOf({ bytes: masked(address, prefix), prefix }))
      if (found !== undefined && found.length > 0) yield found
    }
  }
}

/** A character for each byte: several times faster than their numbers as text. Four bytes and sixteen differ in length. */
function keyOf({ bytes, prefix }: Network): string {
  return String.fromCharCode(prefix, ...bytes)
}
