import { nextTurn, turnIsOver } from '../../base/slices.ts'

/** Characters of a part, and of a text that is one part. */
const PART = 262_144

/**
 * A text as the body of an answer. A long one is encoded and handed to the socket part by part, as fast as it is read:
 * the warnings about one `apply` can be twenty megabytes.
 */
export function longBody(text: string): string | ReadableStream<Uint8Array> {
  if (text.length <= PART) return text
  let at = 0
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (turnIsOver()) await nextTurn()
      const part = text.slice(at, endOfPart(text, at))
      at += part.length
      controller.enqueue(Buffer.from(part))
      if (at >= text.length) controller.close()
    },
  })
}

/** No character of two halves is cut. */
function endOfPart(text: string, from: number): number {
  const end = from + PART
  const isFirstHalf = (text.charCodeAt(end - 1) & 0xfc00) === 0xd800
  return isFirstHalf ? end - 1 : end
}
