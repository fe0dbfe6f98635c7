import { once } from 'node:events'
import type http from 'node:http'
import tls from 'node:tls'
import { type InvalidAt, InvalidFault } from '../api/invalid.ts'
import { type Problem, problem } from '../api/problem.ts'
import { deadline, unlessAborted } from '../base/deadline.ts'
import { asFault, Fault } from '../base/faults.ts'
import { linesOf } from '../base/lines.ts'
import { shortageFault } from '../base/shortage.ts'
import { shown } from '../base/visible-text.ts'
import { isPinned, type PublicPin } from '../pki/public-pin.ts'
import type { Context } from './context.ts'
import { dialBeside } from './dial-beside.ts'

/** As an import it would read every name of it, and with one of them load a whole second client: 25 ms of each command. */
const { request: httpRequest } = process.getBuiltinModule('node:http')

const REQUEST_MS = 30_000
const CONNECT_MS = 10_000
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** A page may end before its limit; as many as this one after another with nothing in them come of no server of ours. */
const MAX_EMPTY_PAGES = 100

export interface RestAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers: http.IncomingHttpHeaders
}

interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** 30 s by default. */
  readonly timeoutMs?: number
}

/**
 * The API under /api/v1, as a context lets us use it. Every answer of 400 and above is thrown as its Fault. Answers hold
 * what strangers have named: their text is made visible as it comes in, unless it goes on to a program.
 */
export class Rest {
  readonly #context: Context
  readonly #enter: <Value>(value: Value) => Value

  /** @param o.raw For programs: nothing is changed. */
  constructor(context: Context, { raw = false } = {}) {
    this.#context = context
    this.#enter = raw ? (value) => value : shown
  }

  /** @throws {Fault} what the server answered, or CONTROL_UNREACHABLE, PIN_MISMATCH. */
  async call(path: string, call: Call = {}): Promise<RestAnswer> {
    const { timeoutMs = REQUEST_MS, signal } = call
    using limit = deadline(timeoutMs, 'CONTROL_UNREACHABLE', `no answer to ${path}`, signal)
    const response = await this.#send(path, call, limit)
    return this.#finish(path, response, await wholeText(path, response))
  }

  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const { body, status } = await this.call(path, { signal })
    if (typeof body !== 'object' || body === null) throw unreadable(path, status, 'it is not an object')
    return body as T
  }

  /** Every item of a list, page after page, up to `limit`. */
  async list<T>(path: string, limit: number, signal?: AbortSignal): Promise<T[]> {
    const items: T[] = []
    for await (const page of this.pages<T>(path, limit, signal)) items.push(...page.items)
    return items
  }

  /** The same as it comes, one page at a time; `more`: there is something behind this page. */
  async *pages<T>(
    path: string,
    limit: number,
    signal?: AbortSignal,
  ): AsyncGenerator<{ readonly items: T[]; readonly more: boolean }> {
    let left = limit
    let empty = 0
    let cursor: string | undefined
    for (let more = true; more && left > 0; more = cursor !== undefined) {
      const query = new URLSearchParams({ limit: String(Math.min(1000, left)) })
      if (cursor !== undefined) query.set('cursor', cursor)
      const page = await this.get<{ items: T[]; next?: string }>(
        `${path}${path.includes('?') ? '&' : '?'}${query}`,
        signal,
      )
      if (!Array.isArray(page.items)) throw unreadable(path, 200, 'it has no items')
      cursor = page.next
      left -= page.items.length
      empty = page.items.length > 0 ? 0 : empty + 1
      if (empty > MAX_EMPTY_PAGES) throw unreadable(path, 200, 'its pages do not end')
      yield { items: page.items, more: cursor !== undefined }
    }
  }

  /** The documents of an answer, one a line, as they come. Returns when the server ends it or `signal` aborts. */
  async *lines(path: string, signal: AbortSignal, call: Call = {}): AsyncGenerator<unknown> {
    const response = await this.#send(path, call, signal)
    if (response.statusCode !== 200) {
      this.#finish(path, response, await wholeText(path, response))
      throw unreadable(path, response.statusCode, 'it is not a stream')
    }
    try {
      const tooLong = () => unreadable(path, response.statusCode, 'it is too large')
      for await (const line of linesOf(response, MAX_ANSWER_BYTES, tooLong)) {
        if (line !== '') yield this.#entered(path, response.statusCode, line)
      }
    } catch (error) {
      if (error instanceof Fault) throw error
      if (!signal.aborted) throw asFault(error, 'CONTROL_UNREACHABLE')
    }
  }

  #finish(path: string, { statusCode: status = 0, headers }: http.IncomingMessage, text: string): RestAnswer {
    // The token is for this server, and goes nowhere else.
    if (status >= 300 && status < 400) throw unreadable(path, status, 'it redirects elsewhere')
    const body = text === '' ? undefined : this.#entered(path, status, text)
    if (status < 400) return { status, body, headers }
    const said = problem.safeParse(body)
    throw said.success ? faultOf(said.data) : unreadable(path, status, 'it names no fault')
  }

  #entered(path: string, status: number | undefined, text: string): unknown {
    const value = parsed(path, status, text)
    try {
      return this.#enter(value)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw unreadable(path, status, 'it is nested too deep')
    }
  }

  async #send(path: string, call: Call, signal: AbortSignal): Promise<http.IncomingMessage> {
    const url = new URL(`${this.#context.server}/api/v1${path}`)
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const socket = (await dialBeside(this.#context)) ?? (await this.#connect(url, signal))
    const request = httpRequest({
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
    const { pin } = this.#context
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const port = Number(url.port || 443)
    const socket = tls.connect({
      host,
      port,
      servername: /^[\d.:]+$/.test(host) ? '' : host,
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: pin === undefined,
    })
    socket.on('error', () => {}) // a later one reaches the request
    try {
      using limit = deadline(CONNECT_MS, 'CONTROL_UNREACHABLE', `no answer from ${url.host}`, signal)
      await unlessAborted(once(socket, 'secureConnect'), limit)
      if (pin !== undefined) requirePinned(socket, pin, { host, server: url.host })
      return socket
    } catch (error) {
      socket.destroy()
      if (error instanceof Fault) throw error
      const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
      const short = shortageFault(errno, url.host, { cause: error, hop: 'client' })
      if (short !== undefined) throw short
      throw new Fault('CONTROL_UNREACHABLE', `${url.host}: ${errno}`, {
        cause: error,
        seen: { server: url.host, errno },
      })
    }
  }
}

function requirePinned(
  socket: tls.TLSSocket,
  pin: PublicPin,
  { host, server }: { host: string; server: string },
): void {
  const leaf = socket.getPeerX509Certificate()
  if (leaf !== undefined && isPinned(leaf, pin, { host, nowMs: Date.now(), trusted: socket.authorized }))
    return
  const issuer = leaf?.issuer.replaceAll('\n', ', ') ?? 'none'
  const seen = { server, shown: leaf?.fingerprint256 ?? 'none', issuer, pinned: pin.fingerprint }
  throw new Fault('PIN_MISMATCH', `${server} presents a certificate other than the one in the context`, {
    seen,
  })
}

async function wholeText(path: string, response: http.IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of response) {
    bytes += (part as Buffer).length
    if (bytes > MAX_ANSWER_BYTES) throw unreadable(path, response.statusCode, 'it is too large')
    parts.push(part as Buffer)
  }
  return Buffer.concat(parts).toString('utf8')
}

function parsed(path: string, status: number | undefined, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw unreadable(path, status, 'it is not JSON')
  }
}

function faultOf(said: Problem): Fault {
  if (said.code === 'INVALID' && said.errors !== undefined)
    return new InvalidFault(said.errors as InvalidAt[])
  return new Fault(said.code, said.detail, { hop: said.hop, seen: { ...said.seen, request: said.instance } })
}

function unreadable(path: string, status: number | undefined, why: string): Fault {
  return new Fault('PROTOCOL_ERROR', `the answer to ${path} is unusable: ${why}`, {
    hop: 'control',
    seen: { status: status ?? 0 },
  })
}
