import { type Framing, MessageBody, NO_BODY } from './http-body.ts'
import { HeadText } from './http-head-text.ts'

/** An application may say more of itself than a program asks. */
const MAX_ANSWER_HEAD_BYTES = 262_144

/**
 * Watches answers pass, unchanged, to know one thing: is everything that was asked for answered in full? Whatever is
 * out of the ordinary makes it *unclear*, for good: then only the end of the connection is the end of the answer.
 */
export class Answers {
  readonly #head = new HeadText({ limitBytes: MAX_ANSWER_HEAD_BYTES, bareLf: true })
  /** Methods of the requests that are not answered in full, oldest first. */
  readonly #asked: string[] = []
  #body: MessageBody | undefined
  #unclear = false

  /** A request has left. */
  ask(method: string): void {
    this.#asked.push(method)
  }

  /** Every request has its whole answer, and nothing else has come. */
  get whole(): boolean {
    return !this.#unclear && this.#asked.length === 0
  }

  /** Where the answer ends cannot be told. */
  get unclear(): boolean {
    return this.#unclear
  }

  /** Never throws. */
  read(chunk: Buffer): void {
    try {
      for (let at = 0; at < chunk.length && !this.#unclear; ) at = this.#take(chunk, at)
    } catch {
      this.#unclear = true
    }
  }

  #take(chunk: Buffer, at: number): number {
    if (this.#body !== undefined) {
      const end = this.#body.take(chunk, at)
      if (this.#body.over) this.#answered()
      return end
    }
    const method = this.#asked[0]
    if (method === undefined) throw new RangeError('unrequested bytes')
    const end = this.#head.take(chunk, at)
    if (end === -1) return chunk.length
    const framing = answerFraming(this.#head.text(), method)
    if (framing === 'unclear') this.#unclear = true
    else if (framing !== 'interim') {
      this.#body = new MessageBody(framing)
      if (this.#body.over) this.#answered()
    }
    return end
  }

  #answered(): void {
    this.#body = undefined
    this.#asked.shift()
  }
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/

/**
 * How the body behind this head ends. Pure.
 *
 * @param head With the empty line at its end; lines may end with LF alone.
 * @returns `interim` for a 1xx, behind which the answer is still to come.
 */
export function answerFraming(head: string, method: string): Framing | 'interim' | 'unclear' {
  const [first = '', ...lines] = head.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)
  const status = STATUS_LINE.exec(first)
  if (status === null || /\r(?!\n)|\0/.test(head)) return 'unclear'
  const code = Number(status[2])
  if (code < 200) return code === 101 ? 'unclear' : 'interim'
  const lengths = new Set<string>()
  const codings: string[] = []
  for (const line of lines) {
    if (line === '') continue
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(0, colon))
    if (name === '' || name !== name.trim()) return 'unclear'
    const value = line.slice(colon + 1).trim()
    if (name.toLowerCase() === 'content-length') lengths.add(value)
    else if (name.toLowerCase() === 'transfer-encoding') codings.push(value.toLowerCase())
  }
  if (method === 'HEAD' || code === 204 || code === 304) return NO_BODY
  if (codings.length > 0) {
    const plain = codings.length === 1 && codings[0] === 'chunked' && lengths.size === 0 && status[1] === '1'
    return plain ? { is: 'chunked' } : 'unclear'
  }
  const [length = ''] = lengths
  return lengths.size === 1 && /^\d{1,15}$/.test(length) ? { is: 'length', bytes: Number(length) } : 'unclear'
}
