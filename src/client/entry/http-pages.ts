import type net from 'node:net'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { isLoopback } from '../../base/ip-address.ts'
import type { ListenAddress } from '../address/listen-address.ts'
import { fieldsNamed, type RequestHead } from './http-head.ts'
import { httpReply } from './http-reply.ts'
import { checkLocalRequest } from './local-request.ts'

/** Pages of the proxy itself, by path. */
export type LocalPages = Readonly<Record<string, LocalPage>>

interface LocalPage {
  readonly type: string
  /**
   * @param at The address that the request came in on, HOST:PORT: one that whoever asks can dial. Absent: a Unix socket.
   * @throws {Fault} NOT_FOUND if there is nothing to say there.
   */
  readonly text: (at: string | undefined) => string
  /** Also for other machines, where the proxy listens for them. */
  readonly forOthers?: boolean
}

/** @returns The whole answer to a request in origin form that came in on `at`, or on a Unix socket. @throws {Fault} LOCAL_REQUEST_REFUSED, NOT_FOUND. */
export function readPage(
  pages: LocalPages,
  { method, fields }: RequestHead,
  target: string,
  at: ListenAddress | undefined,
): string {
  const first = (name: string) => fieldsNamed(fields, name)[0]
  const headers = { host: first('host'), origin: first('origin'), 'sec-fetch-site': first('sec-fetch-site') }
  checkLocalRequest(method, headers, at)
  const path = target.split('?')[0]!
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined
  if (page === undefined || (!page.forOthers && at !== undefined && !isLoopback(at.host))) {
    const known = Object.keys(pages).join(', ')
    throw new Fault('NOT_FOUND', `this is the Backstitch local proxy; its pages are ${known}`, {
      hop: 'client',
    })
  }
  const body = page.text(at && hostPort(at))
  const headersOfPage = {
    'Content-Type': page.type,
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-cache',
    'X-Content-Type-Options': 'nosniff',
  }
  return httpReply({ status: 200, headers: headersOfPage, body }, method)
}

/** The address of this machine that a connection came in on; none where it is a Unix socket. */
export function cameInOn({ localAddress, localPort = 0 }: net.Socket): ListenAddress | undefined {
  return localAddress === undefined
    ? undefined
    : { host: localAddress.replace(/^::ffff:/, ''), port: localPort }
}
