/**
 * One `backstitch server` and nothing else: for what happens to its files and streams.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../bench/ports.ts'
import { PROGRAM } from './installation.ts'
import { succeed } from './program.ts'

interface Answer {
  readonly status: number
  readonly body: string
}

export interface LoneServerOptions {
  readonly state: string
  /** Where its standard output and error go; nowhere by default. */
  readonly stdio?: number | 'pipe'
  readonly env?: NodeJS.ProcessEnv
  /** One of its own by default. A server that comes back should listen where it did. */
  readonly port?: number
}

export class LoneServer {
  readonly child: ChildProcess
  readonly port: number
  readonly #state: string

  /** Resolves when it listens. Ends with the test. @throws {Error} if it ends before. */
  static async start(t: TestContext, o: LoneServerOptions): Promise<LoneServer> {
    const port = o.port ?? (await freePort())
    const flags = ['--state', o.state, '--listen', `127.0.0.1:${port}`, '--drain', '0']
    const child = spawn(PROGRAM, ['server', ...flags, '--config', '/dev/null'], {
      stdio: ['ignore', o.stdio ?? 'ignore', o.stdio ?? 'ignore'],
      env: { ...process.env, ...o.env },
    })
    t.after(() => child.kill('SIGKILL'))
    const server = new LoneServer(child, port, o.state)
    const context = path.join(o.state, 'context.json')
    // The file is written last; one may be there from before.
    while ((await server.get('/healthz').catch(() => undefined))?.status !== 200 || !existsSync(context)) {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode} before it listened`)
      await pause(50)
    }
    return server
  }

  private constructor(child: ChildProcess, port: number, state: string) {
    this.child = child
    this.port = port
    this.#state = state
  }

  /** Without a token. @throws {Error} if there is no answer within ten seconds. */
  get(route: string): Promise<Answer> {
    return this.#ask(route, {})
  }

  /** With the token of the first start. */
  post(route: string, body: object): Promise<Answer> {
    return this.#ask(route, { method: 'POST', headers: this.#headers }, JSON.stringify(body))
  }

  /** As post. @param more Headers of this request. */
  put(route: string, body: object, more: Record<string, string>): Promise<Answer> {
    const headers = { ...this.#headers, ...more }
    return this.#ask(route, { method: 'PUT', headers }, JSON.stringify(body))
  }

  /** With the same token. */
  read(route: string): Promise<Answer> {
    return this.#ask(route, { headers: this.#headers })
  }

  get #headers(): Record<string, string> {
    const token = readFileSync(path.join(this.#state, 'admin.token'), 'utf8').trim()
    return { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  }

  #ask(route: string, more: https.RequestOptions, body?: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const at = { host: '127.0.0.1', port: this.port, path: route }
    https
      .request({ ...at, ...more, rejectUnauthorized: false, agent: false, timeout: 10_000 }, (answer) => {
        const parts: Buffer[] = []
        answer
          .on('data', (part: Buffer) => parts.push(part))
          .on('end', () => resolve({ status: answer.statusCode!, body: Buffer.concat(parts).toString() }))
          .on('error', reject)
      })
      .on('timeout', () => reject(new Error(`no answer to ${route}`)))
      .on('error', reject)
      .end(body)
    return promise
  }

  /** A command of the operator, to its end. @throws {Error} with what it said. */
  command(args: readonly string[], input?: string): Promise<string> {
    return succeed([PROGRAM, '--context', path.join(this.#state, 'context.json'), ...args], { input })
  }

  /** @returns Its exit code, or the signal that ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> {
    const ended = once(this.child, 'exit')
    this.child.kill(signal)
    const [code, by] = (await ended) as [number | null, string | null]
    return by ?? code
  }
}
