import { asFault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { underParent } from '../../base/parent-channel.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import { EXIT } from '../exit-codes.ts'
import { guardLastWords } from '../last-words.ts'
import type { Order, PartReport } from './messages.ts'

/** The child's side of the channel between a server and one of its parts. */
export interface SupervisorChannel {
  tell(news: PartReport): void
  /** Tells why, and ends this process. */
  fail(thrown: unknown, log: Log): void
  /** Ends this process: it was asked to, and is done. */
  leave(): void
}

/** Makes this process a part of a server. */
export function underSupervisor(title: string, take: (order: Order) => void): SupervisorChannel {
  guardLastWords()
  const onGone = () => process.exit(EXIT.TERMINATED)
  const { tell } = underParent<Order, PartReport>(title, { take, onGone })
  return {
    tell,
    leave: () => process.exit(EXIT.OK),
    fail(thrown, log) {
      const fault = asFault(thrown)
      const { code, hop, seen } = fault
      log.fatal(
        { event: 'part.failed', code, hop, seen, ...(code === 'INTERNAL' && { err: thrown }) },
        fault.message,
      )
      tell({ is: 'failed', fault: faultToMessage(fault) }, () => process.exit(EXIT.FAULT))
    },
  }
}
