/**
 * A list that only counts as a whole and may be longer than a message: it goes in parts.
 *
 * @module
 */
import type { z } from 'zod'
import { batches, MAX_LIST_BYTES } from './encoded.ts'
import type { part as schema } from './values.ts'

type WirePart = z.infer<typeof schema>

/** @returns One part at least: an empty list says something, too. */
export function inParts<Item>(items: Iterable<Item>, maxItems: number): { part: WirePart; items: Item[] }[] {
  const lists = [...batches(items, { maxBytes: MAX_LIST_BYTES, maxItems })]
  if (lists.length === 0) lists.push([])
  return lists.map((list, at) => ({ part: { at, of: lists.length }, items: list }))
}

/** Puts parts together again. They come in order; a list that begins anew takes the place of one that was not whole. */
export class ListParts<Item> {
  #items: Item[] = []
  #next = 0

  /** @returns The list, with its last part. */
  take({ at, of }: WirePart, items: readonly Item[]): readonly Item[] | undefined {
    if (at === 0) [this.#items, this.#next] = [[], 0]
    if (at !== this.#next) return undefined
    this.#items.push(...items)
    this.#next++
    return this.#next === of ? this.#items : undefined
  }
}
