import { Fault } from '../base/faults.ts'
import type { ForwardSpec } from './forward-spec.ts'
import type { ClientOptions } from './options.ts'

export interface ForwardOptions {
  readonly forward: ForwardSpec
  readonly client: ClientOptions
  /** Called once with the address that listens, HOST:PORT. */
  readonly listening: (address: string) => void
  readonly signal: AbortSignal
}

/** `client forward LOCAL HOST:PORT`: through the running daemon, else through a client of its own. */
export async function runForward(options: ForwardOptions): Promise<void> {
  throw new Fault('INTERNAL', `not written yet: ${options.forward.host}`)
}
