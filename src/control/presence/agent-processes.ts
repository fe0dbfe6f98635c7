/**
 * Which processes of agents are connected, and since when others are not: what a session in the books rests on.
 *
 * @module
 */

/** One that is away for so long is held for gone; it may be away and carry its sessions on. */
const GONE_MS = 600_000
/** When another process of the same agent has come since: it has been started anew. */
const REPLACED_MS = 60_000

export class AgentProcesses {
  readonly #nowMs: () => number
  readonly #startedMs: number
  /** By agent, then by process: when it left; nothing while it is connected. */
  readonly #known = new Map<string, Map<string, number | undefined>>()

  /** @param nowMs Monotonic. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
    this.#startedMs = nowMs()
  }

  here(agent: string, run: string): void {
    const runs = this.#known.get(agent) ?? new Map<string, number | undefined>()
    this.#known.set(agent, runs.set(run, undefined))
  }

  left(agent: string, run: string): void {
    this.#known.get(agent)?.set(run, this.#nowMs())
  }

  /**
   * For how long it is away, if that is too long for its sessions to be more than memory. After a start of the control
   * plane everyone has time to come back.
   *
   * @returns milliseconds; nothing while they may go on.
   */
  goneForMs(agent: string, run: string | undefined): number | undefined {
    const runs = this.#known.get(agent)
    const isKnown = run !== undefined && runs?.has(run) === true
    const leftMs = isKnown ? runs.get(run) : this.#startedMs
    if (leftMs === undefined) return undefined
    const isReplaced = [...(runs?.values() ?? [])].includes(undefined)
    const awayMs = this.#nowMs() - leftMs
    return awayMs >= (isReplaced ? REPLACED_MS : GONE_MS) ? awayMs : undefined
  }

  /** Forgets those that are gone in any case. */
  sweep(): void {
    const beforeMs = this.#nowMs() - GONE_MS
    for (const [agent, runs] of this.#known) {
      for (const [run, leftMs] of runs) if (leftMs !== undefined && leftMs < beforeMs) runs.delete(run)
      if (runs.size === 0) this.#known.delete(agent)
    }
  }
}
