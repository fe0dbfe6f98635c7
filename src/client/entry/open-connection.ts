import type { Duplex } from 'node:stream'
import { Fault } from '../../base/faults.ts'
import { cutSocket } from '../../mux/cut-socket.ts'
import type { Destination } from '../address/destination.ts'
import { directFaultCode, join } from '../session/direct.ts'
import type { Opener } from '../session/open-session.ts'
import type { Guard } from './local-guard.ts'

/** Entries that connect programs of this device to whatever they name. */
export type ProxyEntry = 'socks5' | 'http-connect' | 'http'

/** A connection to an application, in whichever lane. */
export interface OpenedConnection {
  /** Id of the session, if there is one. */
  readonly session?: string
  /** Joins it to the local side, which it owns from here. */
  attach(local: Duplex): void
}

export interface ConnectionEvents {
  opened(way: OpenedConnection): void
  /** There is no connection; nothing else is told. */
  failed(fault: Fault, session?: string): void
  /** It was open and has broken; the local side is cut, or about to be. */
  broke?(fault: Fault): void
}

/**
 * Opens the way to an application: straight from this device where an internet rule says so, in a session else.
 *
 * @param o.guard Around everything that `events` does.
 * @returns Gives it up, as long as nothing is attached.
 */
export function openConnection(
  { opener, guard, startedUs }: { opener: Opener; guard: Guard; startedUs: number },
  to: Destination,
  entry: ProxyEntry,
  events: ConnectionEvents,
): () => void {
  const chosen = opener.lanes.choose(to, entry)
  if (chosen.lane === 'internet') {
    const gone = opener.bypass.open(chosen, {
      opened: (remote) => {
        let errno = 'ECONNRESET'
        remote.once('error', (error: NodeJS.ErrnoException) => {
          errno = error.code ?? errno
        })
        remote.once('close', () => {
          if (remote.readableEnded && remote.writableFinished) return
          guard(() => events.broke?.(new Fault(directFaultCode(errno), `${to.key}: ${errno}`)))
        })
        guard(() =>
          events.opened({ attach: (local) => (local.destroyed ? cutSocket(remote) : join(local, remote)) }),
        )
      },
      failed: (fault) => guard(() => events.failed(fault)),
    })
    return () => gone.abort()
  }
  const session = opener.open(
    chosen,
    {
      opened: (open) =>
        guard(() => events.opened({ session: open.id, attach: (local) => open.attach(local) })),
      failed: (fault, { id }) => guard(() => events.failed(fault, id)),
      closed: (_, { reason, detail }) => {
        if (reason !== 'done') guard(() => events.broke?.(new Fault(reason, detail)))
      },
    },
    startedUs,
  )
  return () => session.abandon()
}
