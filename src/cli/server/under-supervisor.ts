import { asFault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
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

/**
 * Makes this process a part of a server: it is asked to end by the server alone, and ends at once when that is gone,
 * whatever ended it. A signal to all processes of a terminal or of a unit must not end the parts in the wrong order.
 */
export function underSupervisor(title: string, take: (order: Order) => void): SupervisorChannel {
  process.title = title
  guardLastWords()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('disconnect', () => process.exit(EXIT.TERMINATED))
  process.on('message', take)
  const send = (news: PartReport, sent: () => void) => {
    if (process.connected) process.send?.(news, undefined, undefined, sent)
  }
  return {
    tell: (news) => send(news, () => {}),
    leave: () => process.exit(EXIT.OK),
    fail(thrown, log) {
      const fault = asFault(thrown)
      const { code, hop, seen } = fault
      log.fatal(
        { event: 'part.failed', code, hop, seen, ...(code === 'INTERNAL' && { err: thrown }) },
        fault.message,
      )
      send({ is: 'failed', fault: faultToMessage(fault) }, () => process.exit(EXIT.FAULT))
    },
  }
}
