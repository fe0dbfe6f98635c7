import { once } from 'node:events'
import http from 'node:http'
import { createInterface } from 'node:readline'
import tls from 'node:tls'
import { type InvalidAt, InvalidFault } from '../api/invalid.ts'
import { type Problem, problem } from '../api/problem.ts'
import { deadline, unlessAborted } from '../base/deadline.ts'
import { asFault, Fault } from '../base/faults.ts'
import type { Context } from './context.ts'

const REQUEST_MS = 30_000
const CONNECT_MS = 10_000
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers: http.IncomingHttpHeaders
}

interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** The API under /api/v1, as a context lets us use it. Every answer of 400 and above is thrown as its Fault. */
export class Rest {
  readonly #context: Context

  constructor(context: Context) {
    this.#context = context
  }

  /** @throws {Fault} what the server answered, or CONTROL_UNREACHABLE, TLS_INTERCEPTED. */
  async call(path: string, call: Call = {}): Promise<Answer> {
    using limit = deadline(REQUEST_MS, 'CONTROL_UNREACHABLE', `no answer to ${path}`, call.signal)
    const response = await this.#send(path, call, limit)
    const parts: Buffer[] = []
    let bytes = 0
    for await (const part of response) {
      bytes += (part as Buffer).length
      if (bytes > MAX_ANSWER_BYTES) throw unreadable(path, response.statusCode, 'it is too large')
      parts.push(part as Buffer)
    }
    return finish(path, response, Buffer.concat(parts).toString('utf8'))
  }

  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await this.call(path, { signal })).body as T
  }

  /** Every item of a list, page after page, up to `limit`. */
  async list<T>(path: string, limit: number, signal?: AbortSignal): Promise<T[]> {
    const items: T[] = []
    for (
      let cursor: string | undefined, more = true;
      more && items.length < limit;
      more = cursor !== undefined
    ) {
      const query = new URLSearchParams({ limit: String(Math.min(1000, limit - items.length)) })
      if (cursor !== undefined) query.set('cursor', cursor)
      const page = await this.get<{ items: T[]; next?: string }>(
        `${path}${path.includes('?') ? '&' : '?'}${query}`,
        signal,
      )
      items.push(...page.items)
      cursor = page.next
    }
    return items
  }

  /** The lines of an answer as they come. Returns when the server ends it or `signal` aborts. */
  async *lines(path: string, signal: AbortSignal, call: Call = {}): AsyncGenerator<string> {
    const response = await this.#send(path, call, signal)
    if (response.statusCode !== 200) {
      const parts = await response.toArray()
      finish(path, response, Buffer.concat(parts as Buffer[]).toString('utf8'))
    }
    try {
      for await (const line of createInterface({ input: response })) if (line !== '') yield line
    } catch (error) {
      if (!signal.aborted) throw asFault(error, 'CONTROL_UNREACHABLE')
    }
  }

  async #send(path: string, call: Call, signal: AbortSignal): Promise<http.IncomingMessage> {
    const url = new URL(`${this.#context.server}/api/v1${path}`)
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const socket = await this.#connect(url, signal)
    const request = http.request({
      method: call.method ?? 'GET',
      path: url.pathname + url.search,
      headers: {
        host: url.host,
        authorization: `Bearer ${this.#context.token}`,
        accept: 'application/json',
        connection: 'close',
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...call.headers,
      },
      createConnection: () => socket,
      signal,
    })
    request.end(body)
    try {
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      return response
    } catch (error) {
      throw signal.aborted ? asFault(signal.reason) : asFault(error, 'CONTROL_UNREACHABLE')
    }
  }

  /** The token is sent only to a server that has shown the pinned certificate, or one this machine trusts. */
  async #connect(url: URL, signal: AbortSignal): Promise<tls.TLSSocket> {
    const { fingerprint } = this.#context
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const port = Number(url.port || 443)
    const socket = tls.connect({
      host,
      port,
      servername: /^[\d.:]+$/.test(host) ? '' : host,
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: fingerprint === undefined,
    })
    socket.on('error', () => {}) // a later one reaches the request
    try {
      using limit = deadline(CONNECT_MS, 'CONTROL_UNREACHABLE', `no answer from ${url.host}`, signal)
      await unlessAborted(once(socket, 'secureConnect'), limit)
      if (fingerprint !== undefined) requirePinned(socket, fingerprint, url.host)
      return socket
    } catch (error) {
      socket.destroy()
      if (error instanceof Fault) throw error
      const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
      throw new Fault('CONTROL_UNREACHABLE', `${url.host}: ${errno}`, {
        cause: error,
        seen: { server: url.host, errno },
      })
    }
  }
}

function requirePinned(socket: tls.TLSSocket, pinned: string, server: string): void {
  const shown = socket.getPeerX509Certificate()?.fingerprint256 ?? 'none'
  if (shown === pinned) return
  throw new Fault('TLS_INTERCEPTED', `${server} shows another certificate than the context names`, {
    seen: { server, shown, pinned },
  })
}

function finish(path: string, response: http.IncomingMessage, text: string): Answer {
  const status = response.statusCode ?? 0
  let body: unknown
  try {
    body = text === '' ? undefined : JSON.parse(text)
  } catch {
    throw unreadable(path, status, 'it is not JSON')
  }
  if (status < 400) return { status, body, headers: response.headers }
  const said = problem.safeParse(body)
  throw said.success ? faultOf(said.data) : unreadable(path, status, 'it names no fault')
}

function faultOf(said: Problem): Fault {
  if (said.code === 'INVALID' && said.errors !== undefined)
    return new InvalidFault(said.errors as InvalidAt[])
  return new Fault(said.code, said.detail, { hop: said.hop, seen: { ...said.seen, request: said.instance } })
}

function unreadable(path: string, status: number | undefined, why: string): Fault {
  return new Fault('PROTOCOL_ERROR', `the answer to ${path} cannot be used: ${why}`, {
    hop: 'control',
    seen: { status: status ?? 0 },
  })
}
