/**
 * What values weigh as they are sent: bytes of UTF-8 JSON, escapes included. Every limit of a message is in these.
 *
 * @module
 */

/** A message over this is refused before it is parsed, and never sent. */
export const MAX_MESSAGE_BYTES = 262_144
/** What a list may weigh in a message: the rest is for what stands beside it. */
export const MAX_LIST_BYTES = MAX_MESSAGE_BYTES - 16_384

export function encodedBytes(value: unknown): number {
  const text = JSON.stringify(value)
  return text === undefined ? 0 : Buffer.byteLength(text)
}

/** The start of a text that weighs no more than `maxBytes`, quotes not counted, and is no longer than `maxChars`. */
export function cutText(text: string, maxBytes: number, maxChars = maxBytes): string {
  let cut = text.slice(0, maxChars)
  // An escape is six bytes at most: each step removes no more characters than are too many.
  for (let over = encodedBytes(cut) - 2 - maxBytes; over > 0; over = encodedBytes(cut) - 2 - maxBytes) {
    cut = cut.slice(0, cut.length - Math.ceil(over / 6))
  }
  return cut
}

export interface BatchLimits {
  readonly maxBytes: number
  readonly maxItems: number
}

/**
 * A list as so many lists, each within what one message takes, in order. There is no other way for a list into a
 * message. An item that is over the limit by itself is left out: schemas bound items far below it.
 */
export function* batches<Item>(
  items: Iterable<Item>,
  { maxBytes, maxItems }: BatchLimits,
): Generator<Item[]> {
  let batch: Item[] = []
  let bytes = 2
  for (const item of items) {
    const itemBytes = encodedBytes(item) + 1
    if (itemBytes + 2 > maxBytes) continue
    if (batch.length > 0 && (batch.length === maxItems || bytes + itemBytes > maxBytes)) {
      yield batch
      batch = []
      bytes = 2
    }
    batch.push(item)
    bytes += itemBytes
  }
  if (batch.length > 0) yield batch
}
