/** A running API for tests: real socket, real store, real vault. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TokenRole } from '../../api/roles.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import { Vault } from '../../pki/vault.ts'
import { openStore, type Store } from '../../store/store.ts'
import { cachedPolicy } from '../base/policy-now.ts'
import { ControlShares } from '../base/shares.ts'
import { createRestApp } from './app.ts'
import { createFirstToken, createToken } from './auth.ts'
import type { RestDeps } from './deps.ts'

export interface RestReply {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly body: any
  readonly text: string
}

export interface RestRequest {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** By default the owner's; '' sends none. */
  readonly token?: string
}

/** A control plane that has just started. */
export const NO_VITALS: RestDeps['presence']['vitals'] = {
  history: () => [],
  passages: () => [],
  flapping: () => undefined,
  told: () => [],
  toldBy: () => [],
  usedMs: () => undefined,
  candidates: () => [],
}

/** A presence in which nobody is connected. */
export const NOBODY: RestDeps['presence'] = {
  connector: () => undefined,
  device: () => [],
  edge: () => 'away',
  edgeNotes: () => [],
  absence: () => ({}),
  neighbours: () => 0,
  keyRefusal: () => undefined,
  vitals: NO_VITALS,
  diagnose: async (id) => {
    throw new Fault('CONNECTOR_DISCONNECTED', id)
  },
}

export class RestFixture implements AsyncDisposable {
  readonly store: Store
  readonly owner: string
  readonly #server: http.Server

  /** @param o.control A control plane that is open already: its store, and its first token. */
  static async open(
    o: {
      clock?: Clock
      deps?: Partial<RestDeps>
      control?: { store: Store; firstToken: string | undefined }
    } = {},
  ): Promise<RestFixture> {
    const clock = o.clock ?? systemClock
    const store = o.control?.store ?? (await openStore({ file: ':memory:', clock }))
    const owner = o.control?.firstToken ?? (await createFirstToken(store))
    const handler = createRestApp({
      store,
      clock,
      log: silentLog,
      vault: new Vault(randomBytes(32)),
      presence: NOBODY,
      policy: cachedPolicy(store, silentLog),
      trace: async ({ user }) => {
        throw new Fault('NOT_FOUND', user)
      },
      shares: new ControlShares(),
      version: '0.0.0-test',
      hosts: () => ['control.example'],
      formatKey: (secret) => `1|edge.example|${secret}`,
      ...o.deps,
    })
    const server = http.createServer(handler).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new RestFixture(store, owner!, server)
  }

  private constructor(store: Store, owner: string, server: http.Server) {
    this.store = store
    this.owner = owner
    this.#server = server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async token(role: TokenRole): Promise<string> {
    return this.store.transaction(async (tx) => (await createToken(tx, { name: `a-${role}`, role })).text)
  }

  /** Sends one request and reads the whole answer. A string body goes as it is. */
  async ask(
    method: string,
    path: string,
    { body, headers = {}, token = this.owner }: RestRequest = {},
  ): Promise<RestReply> {
    const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const request = http.request({
      host: '127.0.0.1',
      port: this.port,
      method,
      path,
      agent: false,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    })
    request.end(payload)
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const json = /json$/.test(response.headers['content-type'] ?? '')
    return {
      status: response.statusCode!,
      headers: response.headers,
      body: json && text !== '' ? JSON.parse(text) : undefined,
      text,
    }
  }

  /** The process may end though this listens. */
  unref(): void {
    this.#server.unref()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await this.store[Symbol.asyncDispose]()
  }
}

/** A clock that moves only when told. */
export function handClock(startMs = Date.UTC(2026, 0, 1)): Clock & { advance(ms: number): void } {
  let nowMs = startMs
  return {
    nowMs: () => nowMs,
    monotonicUs: () => nowMs * 1000,
    advance(ms) {
      nowMs += ms
    },
  }
}
