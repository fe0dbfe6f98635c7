/** No step of the control plane may hold its thread longer than this, in milliseconds: everybody else waits behind it. */
export const LOOP_BUDGET_MS = 50

export interface LoopWatchOptions {
  readonly budgetMs?: number
  /** Between looks, in milliseconds. */
  readonly intervalMs?: number
  /** A step took longer than the budget. */
  readonly onOver?: (heldMs: number) => void
}

const INTERVAL_MS = 10

/**
 * Watches for steps that hold the thread: a timer that comes late has waited behind one. Of how late it is, only what
 * this thread has spent in computing counts, so that a busy machine is not taken for a long step.
 */
export class LoopWatch implements Disposable {
  /** Of the longest step so far, in milliseconds. */
  longestMs = 0
  /** Steps over the budget so far. */
  over = 0
  readonly #o: LoopWatchOptions
  readonly #timer: NodeJS.Timeout
  #wallMs = performance.now()
  #cpu = process.threadCpuUsage()

  constructor(options: LoopWatchOptions = {}) {
    this.#o = options
    this.#timer = setInterval(() => this.#look(), options.intervalMs ?? INTERVAL_MS).unref()
  }

  #look(): void {
    const { budgetMs = LOOP_BUDGET_MS, intervalMs = INTERVAL_MS, onOver } = this.#o
    const nowMs = performance.now()
    const { user, system } = process.threadCpuUsage(this.#cpu)
    const heldMs = Math.min(nowMs - this.#wallMs - intervalMs, (user + system) / 1000)
    this.#wallMs = nowMs
    this.#cpu = process.threadCpuUsage()
    if (heldMs > this.longestMs) this.longestMs = heldMs
    if (heldMs <= budgetMs) return
    this.over++
    onOver?.(heldMs)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
