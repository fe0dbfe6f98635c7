/**
 * How control lost an agent, in words about the agent: what breaks a control connection is seen from both ends, and the
 * words of the other end, that control does not answer, are wrong here.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'

/** `closed`: its end was seen, as of a process that has ended; `silent`: nothing came any more, and nothing ended. */
export type ConnectionLoss = 'closed' | 'silent'

export function lostBy({ seen }: Pick<Fault, 'seen'>): ConnectionLoss | undefined {
  return seen.lost === 'closed' || seen.lost === 'silent' ? seen.lost : undefined
}

/** As lines of control say it. */
export function lossText(fault: Fault | undefined): string {
  if (fault === undefined) return 'orderly'
  switch (lostBy(fault)) {
    case 'closed':
      return `its connection was closed without a goodbye, as when a process exits (${fault.detail})`
    case 'silent':
      return `it stopped responding (${fault.detail})`
    default:
      return fault.message
  }
}

/** What a connector was lost with, by the code that control owns of it; whatever it was told stays as it is. */
export function lossOf(fault: Fault): Fault {
  if (lostBy(fault) === undefined) return fault
  return new Fault('CONNECTOR_DISCONNECTED', lossText(fault), { seen: fault.seen, cause: fault })
}
