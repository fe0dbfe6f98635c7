import type { ConnectorOptions } from './options.ts'
import type { ConnectorStatus } from './status.ts'

/** The daemon next to private applications. Dials out only; listens on nothing but its Unix status socket. */
export class Connector {
  readonly #options: ConnectorOptions

  constructor(options: ConnectorOptions) {
    this.#options = options
  }

  /** Runs until `signal` aborts, or a fault that trying again cannot help. */
  async serve(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    throw new Error(`not running in ${this.#options.stateDir}`)
  }

  status(): ConnectorStatus {
    throw new Error('not running')
  }
}
