/**
 * What the control plane has on record of the sessions of this suite. Each conversation has an application with a
 * port of its own, which is how its session is found.
 *
 * @module
 */
import type { SessionResource } from '../../src/api/sessions.ts'
import type { Context } from '../../src/cli/context.ts'
import { Rest } from '../../src/cli/rest.ts'

/** Follows the stream of session records. */
export class Records implements AsyncDisposable {
  readonly #byPort = new Map<number, Map<string, SessionResource>>()
  readonly #sinceMs = new Map<number, number>()
  readonly #stop = new AbortController()
  readonly #following: Promise<void>
  readonly #patienceMs: number
  #waiting: (() => void)[] = []

  /** @param patienceMs How long it may take until something is on record. */
  constructor(context: Context, patienceMs = 30_000) {
    this.#patienceMs = patienceMs
    this.#following = this.#follow(new Rest(context))
  }

  async #follow(rest: Rest): Promise<void> {
    for await (const said of rest.lines('/sessions/stream?since=0', this.#stop.signal)) {
      const record = said as SessionResource
      const known = this.#byPort.get(record.port) ?? new Map<string, SessionResource>()
      this.#byPort.set(record.port, known.set(record.id, record))
      for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  /** From now on the port is another application's: the kernel gives a port again. */
  begin(port: number): void {
    this.#sinceMs.set(port, Date.now())
  }

  /** Records of sessions to the application that has this port, as they are now. */
  of(port: number): SessionResource[] {
    const sinceMs = this.#sinceMs.get(port) ?? 0
    return [...(this.#byPort.get(port)?.values() ?? [])].filter(
      ({ startedAt }) => Date.parse(startedAt) >= sinceMs,
    )
  }

  /** Resolves when `settled` holds for those of this port. @returns them, also when it does not come to hold. */
  async once(port: number, settled: (records: SessionResource[]) => boolean): Promise<SessionResource[]> {
    const late = AbortSignal.timeout(this.#patienceMs)
    const over = new Promise<void>((resolve) => late.addEventListener('abort', () => resolve()))
    while (!settled(this.of(port)) && !late.aborted) {
      await Promise.race([new Promise<void>((wake) => this.#waiting.push(wake)), over])
    }
    return this.of(port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#following
  }
}
