/**
 * What answers on `backstitch-control/1`. Without a client certificate: POST /enrol and POST /login, nothing else.
 * With one: the upgrade of GET /control, nothing else.
 *
 * @module
 */
import type http from 'node:http'
import type tls from 'node:tls'
import { WebSocketServer } from 'ws'
import type { z } from 'zod'
import { CountedLines } from '../../base/counted-lines.ts'
import { asFault, Fault, type FaultCode } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { WEB_SOCKET } from '../../link/control/control-channel.ts'
import { CONTROL_PATH } from '../../link/control/control-dial.ts'
import { controlEnd } from '../../link/control/control-ends.ts'
import { DOCTOR_AGENT } from '../../link/control/doctor-agent.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type { Peer } from '../../pki/verify.ts'
import { type CertificateReply, enrolRequest, loginRequest } from '../../wire/control.ts'
import { httpStatusOf } from '../base/http-status.ts'
import type { FrontBackend } from './backend.ts'
import { httpServer } from './http-server.ts'
import { readBody } from './read-body.ts'

/** Who a connection is from: nobody yet, a proved agent, or one whose certificate was refused. `via`: a remote edge. */
export type AgentCaller = { readonly peer?: Peer; readonly fault?: Fault; readonly via?: string }

const REQUEST_MS = 20_000

export interface AgentServerOptions {
  /** For the whole header of a request, in milliseconds. */
  readonly headersMs: number
  readonly backend: FrontBackend
  readonly log: Log
  readonly callerOf: (socket: tls.TLSSocket) => AgentCaller
  readonly refused: (code: FaultCode) => void
}

export class AgentServer {
  readonly #o: AgentServerOptions
  readonly #http: http.Server
  readonly #webSockets = new WebSocketServer({ ...WEB_SOCKET, noServer: true, clientTracking: false })
  #attached = 0
  readonly #lines = new CountedLines()

  constructor(options: AgentServerOptions) {
    this.#o = options
    this.#http = httpServer(
      { headersMs: options.headersMs, requestMs: REQUEST_MS },
      options.log,
      (request, response) => void this.#answer(request, response),
    )
    this.#http.on('upgrade', (request: http.IncomingMessage, socket: tls.TLSSocket, head: Buffer) => {
      this.#upgrade(request, socket, head)
    })
  }

  /** Control connections that are up. */
  get attached(): number {
    return this.#attached
  }

  take(socket: tls.TLSSocket): void {
    this.#http.emit('connection', socket)
  }

  close(): void {
    this.#lines[Symbol.dispose]()
    this.#http.close(() => {})
    this.#http.closeAllConnections()
    this.#webSockets.close()
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const socket = request.socket as tls.TLSSocket
    try {
      const { peer, fault } = this.#o.callerOf(socket)
      if (fault) throw fault
      const { enrol, login } = this.#routes()
      const route = { '/enrol': enrol, '/login': login }[request.url ?? '']
      if (peer || request.method !== 'POST' || route === undefined) throw notHere(request)
      send(response, 200, await route(request, socket.remoteAddress ?? ''))
    } catch (thrown) {
      this.#refuse(thrown, request, (status, body) => send(response, status, body))
    }
  }

  #routes() {
    const { backend } = this.#o
    const call =
      <Body>(schema: z.ZodType<Body>, serve: (body: Body, from: string) => Promise<CertificateReply>) =>
      async (request: http.IncomingMessage, from: string) =>
        serve(parse(schema, await readBody(request)), from)
    return {
      enrol: call(enrolRequest, (body, from) => backend.enrol(body, from)),
      login: call(loginRequest, (body, from) => backend.login(body, from)),
    }
  }

  #upgrade(request: http.IncomingMessage, socket: tls.TLSSocket, head: Buffer): void {
    const { backend } = this.#o
    try {
      const { peer, fault, via } = this.#o.callerOf(socket)
      if (fault) throw fault
      if (peer === undefined) throw new Fault('PEER_REFUSED', 'a client certificate is required here')
      if (request.url !== CONTROL_PATH) throw notHere(request)
      const from = socket.remoteAddress ?? ''
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#attached++
        webSocket.once('close', () => this.#attached--)
        const channel = controlEnd(webSocket, { bytesRead: () => socket.bytesRead, log: this.#o.log })
        backend.attach(channel, peer, from, via)
      })
    } catch (thrown) {
      this.#refuse(thrown, request, (status, body) => {
        const text = JSON.stringify(body)
        socket.end(
          `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
        )
      })
    }
  }

  #refuse(thrown: unknown, request: http.IncomingMessage, say: (status: number, body: object) => void): void {
    const fault = asFault(thrown)
    this.#o.refused(fault.code)
    const from = request.socket.remoteAddress
    const fields = { event: 'agent.refused', code: fault.code, from, seen: fault.seen }
    if (fault.code === 'INTERNAL') this.#o.log.error({ ...fields, err: thrown }, fault.detail)
    else if (request.headers['user-agent'] === DOCTOR_AGENT) {
      this.#lines.note(`doctor ${from}`, (times) =>
        this.#o.log.info(
          { event: 'doctor.visit', from, times },
          `${from} connects like backstitch doctor does, without a certificate: ${times} refused as expected`,
        ),
      )
    } else {
      // Somebody waits there for an admin to make another key.
      const level = fault.code.startsWith('KEY_') ? 'warn' : 'info'
      this.#lines.note(`${from} ${fault.code} ${fault.detail}`, (times) =>
        this.#o.log[level](
          { ...fields, times },
          times === 1 ? fault.detail : `${fault.detail} (${times} times)`,
        ),
      )
    }
    // What went wrong in here is for our log; a stranger learns only that it did.
    const told = thrown instanceof Fault ? fault : new Fault('INTERNAL', 'see the log of the control plane')
    say(httpStatusOf(fault) ?? (fault.retry ? 503 : 403), faultToMessage(told))
  }
}

function parse<T>(schema: z.ZodType<T>, body: Buffer): T {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new Fault('INVALID', 'the body is not JSON', { cause })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Fault('INVALID', 'the body does not match the schema of this request', {
    seen: { at: issue?.path.join('.') ?? '', because: issue?.message.slice(0, 200) ?? '' },
  })
}

function notHere(request: http.IncomingMessage): Fault {
  const what = `${request.method} ${request.url}`.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)
  return new Fault('NOT_FOUND', `this connection does not serve ${what}`)
}

function send(response: http.ServerResponse, status: number, body: object): void {
  if (response.destroyed) return
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  })
  response.end(text)
}
