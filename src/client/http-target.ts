/**
 * What an HTTP request to the local proxy asks for, from its request target, and which of its headers go on.
 * Pure. The request head itself is read by node:http, strictly.
 *
 * @module
 */
import { Fault } from '../base/faults.ts'

export type HttpTarget =
  /** `GET http://app/path`: to be carried to an application. */
  | {
      readonly is: 'absolute'
      readonly host: string
      readonly port: number
      readonly authority: string
      readonly path: string
    }
  /** `GET /proxy.pac`: for the proxy itself. */
  | { readonly is: 'origin'; readonly path: string }

const ABSOLUTE = /^http:\/\/([^/?#\s\\]*)([/?][^#\s\\]*)?$/i

/**
 * @throws {Fault} BAD_DESTINATION if an absolute target has no valid authority, or a user name in it;
 *   LOCAL_REQUEST_REFUSED for another scheme or form.
 */
export function readTarget(target: string): HttpTarget {
  if (target.startsWith('/')) return { is: 'origin', path: target }
  const match = ABSOLUTE.exec(target)
  if (match === null) {
    throw new Fault('LOCAL_REQUEST_REFUSED', `request target ${JSON.stringify(target.slice(0, 200))}`)
  }
  const authority = match[1]!
  const parts = /^(\[[0-9A-Fa-f:.]{2,45}\]|[^:[\]@]{1,253})(?::([0-9]{1,5}))?$/.exec(authority)
  const port = parts?.[2] === undefined ? 80 : Number(parts[2])
  if (parts === null || port < 1 || port > 65_535) {
    throw new Fault('BAD_DESTINATION', `expected http://HOST[:PORT]/…: got ${JSON.stringify(authority)}`, {
      seen: { value: authority },
    })
  }
  const path = match[2] ?? '/'
  return {
    is: 'absolute',
    host: parts[1]!.replaceAll(/[[\]]/g, ''),
    port,
    authority,
    path: path.startsWith('?') ? `/${path}` : path,
  }
}

/** Headers that concern one connection only (RFC 9110, 7.6.1), and what older programs send instead. */
const OF_CONNECTION = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-authorization',
  'proxy-authenticate',
])

/**
 * `raw` (name, value, name, value…) without the headers of this connection, in order, repeats kept.
 *
 * @param without Names, lower case, to leave out besides.
 */
export function endToEndHeaders(raw: readonly string[], without: readonly string[] = []): string[] {
  const drop = new Set(without)
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]!.toLowerCase() !== 'connection') continue
    for (const name of raw[i + 1]!.split(',')) drop.add(name.trim().toLowerCase())
  }
  const kept: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    if (!OF_CONNECTION.has(name) && !drop.has(name)) kept.push(raw[i]!, raw[i + 1]!)
  }
  return kept
}
