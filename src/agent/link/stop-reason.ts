import type { Parting } from '../../base/parting.ts'

/** The reason of a signal that ends a daemon: who asked, for whomever it says goodbye to. */
export class StopReason extends Error {
  readonly parting: Parting

  constructor(parting: Parting) {
    super(`stopped: ${parting.why}`)
    this.name = 'StopReason'
    this.parting = parting
  }
}

/** @param reason Of an AbortSignal. */
export function partingOf(reason: unknown): Parting | undefined {
  return reason instanceof StopReason ? reason.parting : undefined
}
