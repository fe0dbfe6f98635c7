/**
 * What an HTTP request to the local proxy asks for, from its request target, and what of its head goes on. Pure.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import { fieldsNamed, type RequestHead } from './http-head.ts'

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
/** RFC 3986, 3.2.1. Programs that send it (wget) send the header for it as well, when they are asked to. */
const USER = /^[A-Za-z0-9\-._~!$&'()*+,;=:%]*@/
const AUTHORITY = /^(\[[0-9A-Fa-f:.]{2,45}\]|[^:[\]@]{1,253})(?::([0-9]{1,5}))?$/

/**
 * @param method OPTIONS without a path asks about the server as a whole.
 * @throws {Fault} BAD_DESTINATION if an absolute target has no valid authority; LOCAL_REQUEST_REFUSED for another
 *   scheme or form.
 */
export function readTarget(target: string, method = 'GET'): HttpTarget {
  if (target.startsWith('/')) return { is: 'origin', path: target }
  const match = ABSOLUTE.exec(target)
  if (match === null) {
    throw new Fault('LOCAL_REQUEST_REFUSED', `request target ${JSON.stringify(showTarget(target))}`)
  }
  const authority = match[1]!.replace(USER, '')
  const parts = AUTHORITY.exec(authority)
  const port = parts?.[2] === undefined ? 80 : Number(parts[2])
  if (parts === null || port < 1 || port > 65_535) {
    const seen = showTarget(authority)
    throw new Fault('BAD_DESTINATION', `expected http://HOST[:PORT]/…: got ${JSON.stringify(seen)}`, {
      seen: { value: seen },
    })
  }
  const path = match[2] ?? (method === 'OPTIONS' ? '*' : '/')
  return {
    is: 'absolute',
    host: parts[1]!.replaceAll(/[[\]]/g, ''),
    port,
    authority,
    path: path.startsWith('?') ? `/${path}` : path,
  }
}

/** A target for people and logs: without user and password, and without the query, which may hold a secret. */
export function showTarget(target: string): string {
  return target
    .slice(0, 1000)
    .replace(/^([^/?]*\/\/)?[^/?]*@/, '$1')
    .replace(/\?.*$/s, '?…')
    .slice(0, 200)
}

/** Headers that concern one connection only (RFC 9110, 7.6.1), and what older programs send instead. */
const OF_CONNECTION = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'upgrade',
  'proxy-authorization',
  'proxy-authenticate',
])
/** Say where the request ends and whom it is for: no Connection header can take them away. */
const KEPT = new Set(['content-length', 'transfer-encoding', 'host'])

/**
 * `fields` (name, value, name, value…) without the headers of this connection, in order, repeats kept.
 *
 * @param without Names, lower case, to leave out besides.
 */
export function endToEndHeaders(fields: readonly string[], without: readonly string[] = []): string[] {
  const drop = new Set(connectionOptions(fields).filter((name) => !KEPT.has(name)))
  for (const name of without) drop.add(name)
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!.toLowerCase()
    if (!OF_CONNECTION.has(name) && !drop.has(name)) kept.push(fields[i]!, fields[i + 1]!)
  }
  return kept
}

function connectionOptions(fields: readonly string[]): string[] {
  return fieldsNamed(fields, 'connection').flatMap((value) =>
    value.split(',').map((name) => name.trim().toLowerCase()),
  )
}

/**
 * The head that the application gets: in origin form, for the host of the target, which says where a request goes
 * whatever its Host header says (RFC 9112, 3.2.2). Framing and version stay, so the body fits as it is.
 */
export function writeHead(head: RequestHead, target: HttpTarget & { is: 'absolute' }): Buffer {
  const options = connectionOptions(head.fields)
  // The connection to the application is this one's other half, and lasts as long.
  const connection = ['close', 'keep-alive'].find((option) => options.includes(option))
  const fields = ['Host', target.authority, ...endToEndHeaders(head.fields, ['host'])]
  fields.push('Via', `1.${head.minor} backstitch`)
  if (connection !== undefined) fields.push('Connection', connection)
  let text = `${head.method} ${target.path} HTTP/1.${head.minor}\r\n`
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}
