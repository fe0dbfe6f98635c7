import { type AddressBytes, masked, type Network } from './address.ts'

/** Things by network, so that those around an address are found in as many steps as there are lengths of networks. */
export class Networks<Item> {
  /** By size of the address; longest prefix first. */
  readonly #lengths: { readonly [bytes: number]: Length<Item>[] } = { 4: [], 16: [] }

  add({ bytes, prefix }: Network, item: Item): void {
    const lengths = this.#lengths[bytes.length]!
    let length = lengths.find((one) => one.prefix === prefix)
    if (length === undefined) {
      length = { prefix, items: new Map() }
      lengths.push(length)
      lengths.sort((a, b) => b.prefix - a.prefix)
    }
    const key = keyOf(bytes)
    const list = length.items.get(key)
    if (list === undefined) length.items.set(key, [item])
    else list.push(item)
  }

  /** Those of one network after the other, the smallest first. @param below Only of networks with a shorter prefix. */
  *around(address: AddressBytes, below = Number.POSITIVE_INFINITY): Generator<readonly Item[]> {
    for (const { prefix, items } of this.#lengths[address.length]!) {
      if (prefix >= below) continue
      const found = items.get(keyOf(masked(address, prefix)))
      if (found !== undefined) yield found
    }
  }
}

interface Length<Item> {
  readonly prefix: number
  readonly items: Map<string, Item[]>
}

/** A character for each byte: several times faster than their numbers as text. */
function keyOf(bytes: AddressBytes): string {
  return String.fromCharCode(...bytes)
}
