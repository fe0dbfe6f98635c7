/**
 * The HTTP side of the local proxy: CONNECT for anything, absolute-form requests for plain http, and the few pages
 * of the proxy itself. node:http reads the head, strictly and within MAX_HEAD_BYTES; what a target and an authority
 * may be is decided in http-target.ts and authority.ts.
 *
 * @module
 */
import http from 'node:http'
import type net from 'node:net'
import type { Duplex } from 'node:stream'
import { asFault, Fault } from '../base/faults.ts'
import { parseAuthority } from './authority.ts'
import { destination } from './destination.ts'
import { join } from './direct.ts'
import { forwardRequest } from './http-forward.ts'
import { rawFault, refuse } from './http-reply.ts'
import { readTarget } from './http-target.ts'
import { endWith } from './last-word.ts'
import { ignoreError } from './listen.ts'
import type { ListenAddress } from './listen-address.ts'
import { checkLocalRequest } from './local-request.ts'
import type { Opener } from './open-session.ts'
import type { Session, SessionEvents } from './session.ts'

const MAX_HEAD_BYTES = 16_384
const IDLE_MS = 10_000
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n'

export interface HttpContext {
  readonly opener: Opener
  readonly bound: () => ListenAddress
  /** Pages of the proxy itself, by path: for local programs only. */
  readonly pages: Readonly<Record<string, { readonly type: string; readonly text: () => string }>>
  /** A request head is whole: the time limit of the handshake no longer applies. */
  readonly settled: (socket: net.Socket) => void
  /** The connection waits for another request head, which has a time limit again. */
  readonly unsettled: (socket: net.Socket) => void
}

/** A server that never listens: connections are given to it with `emit('connection', socket)`. */
export function createHttpProxy(context: HttpContext): http.Server {
  const server = http.createServer({
    maxHeaderSize: MAX_HEAD_BYTES,
    insecureHTTPParser: false,
    keepAliveTimeout: IDLE_MS,
  })
  server.on('connect', (request, socket, head) => connect(context, request, socket, head))
  server.on('request', (request, response) => {
    context.settled(request.socket)
    response.once('finish', () => context.unsettled(request.socket))
    handle(context, request, response)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const oversize = error.code === 'HPE_HEADER_OVERFLOW'
    const what = oversize
      ? `a request head of more than ${MAX_HEAD_BYTES} bytes`
      : (error.code ?? error.message)
    const fault = new Fault('LOCAL_REQUEST_REFUSED', what)
    context.opener.refuse('http', 'unreadable request', fault)
    if (socket.writable) endWith(socket as net.Socket, rawFault(fault, undefined, oversize ? 431 : 400))
    else socket.destroy()
  })
  return server
}

function connect(
  { opener, settled }: HttpContext,
  request: http.IncomingMessage,
  duplex: Duplex,
  head: Buffer,
) {
  const startedUs = opener.nowUs()
  const socket = duplex as net.Socket
  settled(socket)
  socket.on('error', ignoreError)
  if (head.length > 0) socket.unshift(head)
  try {
    const { host, port } = parseAuthority(request.url!)
    const to = destination(host, port, 'tcp')
    const lane = opener.bypass.laneOf(to.host)
    if (lane.is === 'bypass') {
      const gone = opener.bypass.open(to, lane, 'http-connect', {
        opened(remote) {
          socket.write(ESTABLISHED)
          join(socket, remote)
        },
        failed: (fault) => endWith(socket, rawFault(fault)),
      })
      socket.once('close', () => gone.abort())
      return
    }
    const session = opener.open(to, 'http-connect', new Connect(socket), startedUs)
    socket.once('close', () => session.abandon())
  } catch (error) {
    const fault = asFault(error)
    opener.refuse('http-connect', request.url ?? '', fault)
    endWith(socket, rawFault(fault))
  }
}

class Connect implements SessionEvents {
  readonly #socket: net.Socket

  constructor(socket: net.Socket) {
    this.#socket = socket
  }

  opened(session: Session): void {
    this.#socket.write(ESTABLISHED)
    session.attach(this.#socket)
  }

  failed(fault: Fault, session: Session): void {
    endWith(this.#socket, rawFault(fault, session.id))
  }
}

function handle(context: HttpContext, request: http.IncomingMessage, response: http.ServerResponse): void {
  try {
    const target = readTarget(request.url!)
    if (target.is === 'absolute') {
      forwardRequest(context.opener, target, request, response)
      return
    }
    checkLocalRequest(request.method, request.headers, context.bound())
    const path = target.path.split('?')[0]!
    const page = Object.hasOwn(context.pages, path) ? context.pages[path] : undefined
    if (page === undefined) {
      const known = Object.keys(context.pages).join(', ')
      throw new Fault('NOT_FOUND', `this is the local proxy of Backstitch; its pages are ${known}`, {
        hop: 'client',
      })
    }
    const text = page.text()
    response.writeHead(200, {
      'Content-Type': page.type,
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'no-cache',
      'X-Content-Type-Options': 'nosniff',
    })
    response.end(text)
  } catch (error) {
    const fault = asFault(error)
    context.opener.refuse('http', request.url ?? '', fault)
    refuse(response, fault)
  }
}
