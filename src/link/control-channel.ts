import { Fault } from '../base/faults.ts'
import type { AgentMessage, ControlMessage } from '../wire/control.ts'

/** The end an agent holds. */
export type AgentChannel = ControlChannel<AgentMessage, ControlMessage>
/** The end the control plane holds. */
export type ControlEnd = ControlChannel<ControlMessage, AgentMessage>

/**
 * One control connection, the same class at both ends: `Out` is what this end sends, `In` what it receives.
 */
export class ControlChannel<Out extends { type: string }, In extends { type: string }>
  implements AsyncDisposable
{
  /** Called for each message that answers no request. Messages before it is set wait for it. */
  onMessage: ((message: In) => void) | undefined
  /** Settles once, when the connection is over: undefined for an orderly end. Never rejects. */
  readonly closed: Promise<Fault | undefined> = Promise.resolve(undefined)

  /** Last ping round trip, in microseconds; 0 before the first. */
  get rttUs(): number {
    return 0
  }

  get isOpen(): boolean {
    return false
  }

  /** @returns false when the connection is over; the message is then dropped. */
  send(_message: Out): boolean {
    throw new Fault('INTERNAL', 'not built')
  }

  /** Sends and resolves with the message that carries the same `id`. `denied` and `failed` reject with their Fault. */
  request(_message: Out & { id: string }, _timeoutMs: number): Promise<In> {
    throw new Fault('INTERNAL', 'not built')
  }

  /** Ends the connection. `fault` is what `closed` says at this end. */
  close(_fault?: Fault): void {
    throw new Fault('INTERNAL', 'not built')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await this.closed
  }
}
