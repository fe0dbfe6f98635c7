import { mkdir } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { unlessAborted } from '../../base/deadline.ts'
import { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { Parting } from '../../base/parting.ts'
import { refuseStrangers } from '../../base/strangers.ts'
import { KeptPart } from './kept-part.ts'
import type { PartReport, ServerFacts } from './messages.ts'
import type { ServerOptions } from './options.ts'

/**
 * Control plane and edge, each a process of its own, so that neither waits for the other: bytes go on while decisions
 * are slow, or are being started again.
 *
 *     control: open ──> edge: listening ──> control: ready
 *     whichever ends unasked is started again; until both were ready once, its end is that of the server
 */
export class Supervisor implements AsyncDisposable {
  readonly #options: ServerOptions
  readonly #control: KeptPart
  readonly #edge: KeptPart
  readonly #ready = Promise.withResolvers<ServerFacts>()
  #port: number | undefined
  #isEdgeStarted = false
  /** The edge that runs now has ended its pipes, or is gone. */
  #onDrained: (() => void) | undefined

  /** Both serve. @throws {Fault} why one does not; the reason of `signal`. */
  static async start(
    options: ServerOptions,
    log: Log,
    signal: AbortSignal,
  ): Promise<{ server: Supervisor; facts: ServerFacts }> {
    await refuseStrangers(options.stateDir, { code: 'STATE_UNWRITABLE', hop: 'control' })
    await mkdir(options.stateDir, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
      throw new Fault('STATE_UNWRITABLE', `${options.stateDir}: ${cause.code}`, { cause, hop: 'control' })
    })
    await using opening = new AsyncDisposableStack()
    const server = opening.use(new Supervisor(options, log))
    const facts = await unlessAborted(server.#ready.promise, signal)
    opening.move()
    return { server, facts }
  }

  private constructor(options: ServerOptions, log: Log) {
    this.#options = options
    const onNews = (news: PartReport) => this.#news(news)
    const common = { options, log, onNews }
    this.#control = new KeptPart({
      ...common,
      name: 'control',
      onEnded: (fault) => this.#ready.reject(fault),
    })
    this.#edge = new KeptPart({
      ...common,
      name: 'edge',
      onEnded: (fault) => {
        this.#port = undefined
        this.#ready.reject(fault)
        this.#onDrained?.()
      },
    })
    this.#control.start()
  }

  #news(news: PartReport): void {
    if (news.is === 'open') {
      if (!this.#isEdgeStarted) this.#edge.start()
      this.#isEdgeStarted = true
      this.#tellPort()
    }
    if (news.is === 'listening') {
      this.#port = news.port
      this.#tellPort()
    }
    if (news.is === 'ready') this.#ready.resolve(news.facts)
    if (news.is === 'drained') this.#onDrained?.()
  }

  /** Whichever of the two came up last. */
  #tellPort(): void {
    if (this.#port !== undefined) this.#control.send({ do: 'edge-listens', port: this.#port })
  }

  /** Why it is about to end: both parts hear it, and agents from them. */
  leaves(parting: Parting | undefined): void {
    this.#control.parting = parting
    this.#edge.parting = parting
  }

  /** Stops new tunnels; resolves when the live ones ended, or `drainSeconds` passed and they were closed. */
  async drain(): Promise<void> {
    const deadlineMs = this.#options.drainSeconds * 1000
    const over = new AbortController()
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve
    })
    if (!this.#edge.send({ do: 'drain', deadlineMs })) return
    // An edge that does not even answer is not waited for.
    const late = wait(deadlineMs + GRACE_MS, undefined, { signal: over.signal }).catch(() => {})
    await Promise.race([drained, late])
    over.abort()
  }

  /** The control plane says goodbye to agents while the edge still carries that to them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#control[Symbol.asyncDispose]()
    await this.#edge[Symbol.asyncDispose]()
  }
}

const GRACE_MS = 2000
