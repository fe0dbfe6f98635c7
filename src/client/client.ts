import type { ClientOptions } from './options.ts'
import type { ClientStatus } from './status.ts'

/** The agent on a user's device: local proxy, forwards and sockets in; sessions through tunnels out. */
export class Client {
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** Runs until `signal` aborts, or a fault that trying again cannot help. */
  async serve(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    throw new Error(`not running in ${this.#options.stateDir}`)
  }

  status(): ClientStatus {
    throw new Error('not running')
  }
}
