import { Fault } from '../../base/faults.ts'
import type { FaultMessage } from '../../wire/control.ts'
import { faultFromMessage } from './fault-message.ts'

interface PendingRequest<In> {
  readonly resolve: (message: In) => void
  readonly reject: (fault: Fault) => void
  readonly timer: NodeJS.Timeout
  readonly isAskedAgain: boolean
}

export interface PendingRequestOptions {
  /** Whoever asks does so again after the next connection: nobody waits for this one. */
  readonly isAskedAgain?: boolean
}

/** Requests that no answer has come to yet, by id. */
export class PendingRequests<In> {
  readonly #waiting = new Map<string, PendingRequest<In>>()

  /** Those that somebody waits for. */
  get isEmpty(): boolean {
    for (const { isAskedAgain } of this.#waiting.values()) if (!isAskedAgain) return false
    return true
  }

  /** @throws {Fault} what the answer names; CONTROL_UNREACHABLE if none comes in time. */
  add(
    { id, type }: { id: string; type: string },
    timeoutMs: number,
    { isAskedAgain = false }: PendingRequestOptions,
  ): Promise<In> {
    const { promise, resolve, reject } = Promise.withResolvers<In>()
    const timer = setTimeout(() => {
      this.#waiting.delete(id)
      reject(new Fault('CONTROL_UNREACHABLE', `no answer to ${type} in ${timeoutMs} ms`))
    }, timeoutMs)
    this.#waiting.set(id, { resolve, reject, timer, isAskedAgain })
    return promise
  }

  /** @returns false if nobody waits for it. */
  answered(message: In & { id?: string; fault?: FaultMessage }): boolean {
    const waiting = this.#take(message.id)
    if (waiting === undefined) return false
    if (message.fault === undefined) waiting.resolve(message)
    else waiting.reject(faultFromMessage(message.fault))
    return true
  }

  /** An answer came that cannot be used. @returns false if nobody waits for it. */
  failed(id: string | undefined, fault: Fault): boolean {
    const waiting = this.#take(id)
    waiting?.reject(fault)
    return waiting !== undefined
  }

  /** There will be no answers. */
  abandon(fault: Fault): void {
    for (const id of [...this.#waiting.keys()]) this.failed(id, fault)
  }

  #take(id: string | undefined): PendingRequest<In> | undefined {
    const waiting = id === undefined ? undefined : this.#waiting.get(id)
    if (waiting === undefined) return undefined
    this.#waiting.delete(id!)
    clearTimeout(waiting.timer)
    return waiting
  }
}
