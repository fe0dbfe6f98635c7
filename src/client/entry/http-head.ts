/**
 * The head of a request, read strictly (RFC 9112): whatever two readers could take for two different things is
 * refused here, so that the application sees the very request that was judged. Pure.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import { type Framing, isTokenByte, NO_BODY, TOKEN } from './http-body.ts'
import { HeadText } from './http-head-text.ts'

export const MAX_HEAD_BYTES = 65_536

export interface RequestHead {
  readonly method: string
  /** As it came, latin1: any visible bytes. */
  readonly target: string
  /** Of HTTP/1.x. */
  readonly minor: 0 | 1
  /** Name, value, name, value…, as they came. */
  readonly fields: readonly string[]
  readonly framing: Framing
}

/** A request that cannot be read, and the status code that says so. */
export class UnreadableRequest extends Fault {
  readonly status: 400 | 431

  constructor(what: string, status: 400 | 431 = 400) {
    super('LOCAL_REQUEST_REFUSED', what)
    this.status = status
  }
}

/** Reads the heads of the requests on one connection. */
export class HeadReader {
  readonly #text = new HeadText({ limitBytes: MAX_HEAD_BYTES, bareLf: false })
  head: RequestHead | undefined

  /**
   * Takes bytes up to the end of a head, which is then `head`.
   *
   * @returns Where in `chunk` it has ended; -1 if it has not: then all was taken, and `head` is undefined.
   * @throws {UnreadableRequest}
   */
  take(chunk: Buffer, from: number): number {
    this.head = undefined
    let end: number
    try {
      end = this.#text.take(chunk, from)
    } catch (error) {
      const what = (error as Error).message
      throw new UnreadableRequest(`request: ${what}`, what.startsWith('a header section of more') ? 431 : 400)
    }
    const first = this.#text.firstByte
    // Two bytes may be half of an empty line; no request begins with anything but the name of a method.
    if (first !== undefined && first !== 0x0d && !isTokenByte(first))
      throw new UnreadableRequest(
        `the first byte, 0x${first.toString(16).padStart(2, '0')}, does not start an HTTP request`,
      )
    if (end !== -1) this.head = parseHead(this.#text.text())
    return end
  }
}

const REQUEST_LINE = /^([^ ]{1,64}) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.([01])$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** @param text With the empty line at its end. @throws {UnreadableRequest} */
export function parseHead(text: string): RequestHead {
  const [first = '', ...lines] = text.slice(0, -4).split('\r\n')
  const line = REQUEST_LINE.exec(first)
  if (line === null || !TOKEN.test(line[1]!))
    throw new UnreadableRequest('the first line is not METHOD TARGET HTTP/1.1')
  const fields: string[] = []
  for (const field of lines) {
    const colon = field.indexOf(':')
    const name = field.slice(0, Math.max(0, colon))
    if (!TOKEN.test(name)) throw new UnreadableRequest('a header line without a name before the colon')
    const value = trimmed(field.slice(colon + 1))
    if (!VALUE.test(value)) throw new UnreadableRequest(`header ${name} contains a control character`)
    fields.push(name, value)
  }
  const minor = line[3] === '1' ? 1 : 0
  const hosts = fieldsNamed(fields, 'host').length
  if (hosts > 1 || (hosts === 0 && minor === 1)) throw new UnreadableRequest(`${hosts} Host headers`)
  return { method: line[1]!, target: line[2]!, minor, fields, framing: framingOf(fields, minor) }
}

/** Values of the field, as many as there are. @param name Lower case. */
export function fieldsNamed(fields: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.toLowerCase() === name) values.push(fields[i + 1]!)
  }
  return values
}

function framingOf(fields: readonly string[], minor: 0 | 1): Framing {
  const lengths = fieldsNamed(fields, 'content-length')
  const codings = fieldsNamed(fields, 'transfer-encoding')
  if (codings.length > 0) {
    if (lengths.length > 0) throw new UnreadableRequest('both Content-Length and Transfer-Encoding')
    if (minor === 0) throw new UnreadableRequest('Transfer-Encoding in HTTP/1.0')
    if (codings.length > 1 || codings[0]!.toLowerCase() !== 'chunked')
      throw new UnreadableRequest(`Transfer-Encoding ${JSON.stringify(codings.join(', ').slice(0, 100))}`)
    return { is: 'chunked' }
  }
  if (lengths.length === 0) return NO_BODY
  if (lengths.length > 1 || !/^[0-9]{1,15}$/.test(lengths[0]!))
    throw new UnreadableRequest(`Content-Length ${JSON.stringify(lengths.join(', ').slice(0, 100))}`)
  return { is: 'length', bytes: Number(lengths[0]) }
}

/** Without SP and HTAB around it: String.trim would take bytes that are part of the value. */
function trimmed(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isBlank(value.charCodeAt(start))) start++
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--
  return value.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
