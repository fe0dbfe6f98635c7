/**
 * Work of which one run at a time is enough: asked for while it runs, it is run once more behind that, however often
 * it was asked for. What it throws goes to `failed`, and the next time it is tried again.
 */
export class CoalescedRun {
  readonly #work: () => Promise<void>
  readonly #failed: (error: unknown) => void
  #running: Promise<void> | undefined
  #again = false

  constructor(work: () => Promise<void>, failed: (error: unknown) => void) {
    this.#work = work
    this.#failed = failed
  }

  ask(): void {
    this.#again = true
    if (this.#running !== undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#running = promise
    void this.#run().then(resolve)
  }

  /** Resolves when nothing that was asked for is left to do. */
  get settled(): Promise<void> {
    return this.#running ?? Promise.resolve()
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false
      try {
        await this.#work()
      } catch (error) {
        this.#failed(error)
      }
    }
    this.#running = undefined
  }
}
