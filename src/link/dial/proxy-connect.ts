import http from 'node:http'
import type net from 'node:net'
import type { Duplex } from 'node:stream'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { EdgeAddress } from './credentials.ts'
import type { OutboundProxy } from './egress.ts'

/** The header of the proxy's answer may not be longer. */
const MAX_HEADER_BYTES = 16_384
const MAX_QUOTE = 200
/** 401 is wrong of a proxy, and what tinyproxy answers where credentials came and are not right. */
const WANTS_CREDENTIALS: ReadonlySet<number> = new Set([401, 407])

/**
 * Asks an HTTP proxy, over a connection to it, for a tunnel to `to` (RFC 9110, 9.3.6). Takes `socket` over:
 * it is destroyed when the proxy says no.
 *
 * @returns The same socket, now speaking to `to`; bytes that came with the answer are still in it.
 * @throws {Fault} PROXY_AUTH for 407 and 401, PROXY_REFUSED for every other answer or none; the reason of `signal`.
 */
export function connectThrough(
  socket: net.Socket,
  proxy: OutboundProxy,
  to: EdgeAddress,
  signal: AbortSignal,
): Promise<net.Socket> {
  const target = hostPort(to)
  return new Promise((resolve, reject) => {
    const fail = (fault: unknown) => {
      signal.removeEventListener('abort', stop)
      request.destroy()
      socket.destroy()
      reject(fault)
    }
    const stop = () => fail(signal.reason)
    const request = http.request({
      method: 'CONNECT',
      path: target,
      headers: {
        host: target,
        ...(proxy.auth && { 'proxy-authorization': basic(proxy.auth) }),
      },
      maxHeaderSize: MAX_HEADER_BYTES,
      setDefaultHeaders: false,
      createConnection: () => socket,
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      fail(refused(proxy, to, 'it closed the connection without an answer', { errno: error.code ?? '' }))
    })
    request.on('connect', (response: http.IncomingMessage, _socket: Duplex, head: Buffer) => {
      // Any 2xx switches to tunnel mode (RFC 9110, 9.3.6), and some proxies say 201 or 204.
      if (Math.trunc((response.statusCode ?? 0) / 100) !== 2) return fail(answered(proxy, to, response, head))
      signal.removeEventListener('abort', stop)
      // Listeners of the request are gone; between here and the next owner nobody else would hear an error.
      socket.on('error', ignore)
      socket.pause()
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    request.end()
  })
}

function ignore(): void {}

function basic({ user, password }: { user: string; password: string }): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`
}

function answered(
  proxy: OutboundProxy,
  to: EdgeAddress,
  response: http.IncomingMessage,
  head: Buffer,
): Fault {
  const status = `${response.statusCode} ${printable(response.statusMessage ?? '')}`.trim()
  if (response.statusCode === undefined || !WANTS_CREDENTIALS.has(response.statusCode)) {
    return refused(proxy, to, `it answered ${status}`, { status, page: firstLine(head) })
  }
  const { 'proxy-authenticate': asked, 'www-authenticate': askedAsServer } = response.headers
  const asksFor = [asked ?? [], askedAsServer ?? []].flat().map(printable)
  const credentialsSent = proxy.auth !== undefined
  return new Fault('PROXY_AUTH', `proxy ${hostPort(proxy)} ${whyNot(proxy, asksFor)}`, {
    seen: { proxy: hostPort(proxy), status, asksFor, credentialsSent },
  })
}

/** Basic is what we speak: where only NTLM or Negotiate is wanted, the right password does not help. */
function whyNot({ auth }: OutboundProxy, asksFor: readonly string[]): string {
  if (asksFor.length > 0 && !asksFor.some((one) => /\bbasic\b/i.test(one))) {
    return `asks for ${asksFor.join(', ')}, but only Basic is supported`
  }
  return auth
    ? `rejected the credentials of "${printable(auth.user)}"`
    : 'asks for credentials, but none are set'
}

function refused(proxy: OutboundProxy, to: EdgeAddress, what: string, seen: Record<string, string>): Fault {
  return new Fault('PROXY_REFUSED', `proxy ${hostPort(proxy)}, asked for ${hostPort(to)}: ${what}`, {
    seen: { proxy: hostPort(proxy), target: hostPort(to), ...seen },
  })
}

/** The first line of a block page: quoted to the person who must ask for an exception. */
function firstLine(head: Buffer): string {
  return printable(
    head
      .toString('latin1')
      .split(/\r?\n/)
      .find((line) => line.trim() !== '') ?? '',
  )
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_QUOTE)
}
