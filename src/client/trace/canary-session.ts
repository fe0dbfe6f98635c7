import { type Duplex, duplexPair } from 'node:stream'
import { asFault, type Fault } from '../../base/faults.ts'
import type { ClientSession } from '../session/client-session.ts'
import type { PrivateLane } from '../session/lane-chooser.ts'
import type { Opener } from '../session/open-session.ts'

export interface CanarySession {
  readonly session: ClientSession
  /** Why it did not open. */
  readonly fault?: Fault
  /** To the application; TCP only. */
  readonly stream?: Duplex
  /** The record says that the trace ended it, in good order where the application hangs up, too. */
  end(): void
}

/** A session that goes the way of every other, and is marked as what it is. Never rejects. */
export function openCanary(opener: Opener, lane: PrivateLane, signal: AbortSignal): Promise<CanarySession> {
  const { to } = lane
  return new Promise((resolve) => {
    const [ours, theirs] = duplexPair()
    ours.on('error', () => {}) // the session says why
    const settle = (session: ClientSession, fault?: Fault) => {
      signal.removeEventListener('abort', late)
      const end = () => {
        if (session.over || fault !== undefined) return
        if (to.protocol === 'udp') session.stream?.end()
        else session.stream?.reset('CLIENT_RESET', 'the trace has ended')
      }
      if (fault !== undefined) return resolve({ session, fault, end })
      if (to.protocol === 'tcp') session.attach(theirs)
      resolve({ session, stream: to.protocol === 'tcp' ? ours : undefined, end })
    }
    const late = () => {
      session.abandon()
      settle(session, asFault(signal.reason, 'TUNNEL_LOST'))
    }
    signal.addEventListener('abort', late, { once: true })
    const session = opener.open(
      lane,
      {
        opened: (open) => settle(open),
        failed: (fault, failed) => settle(failed, fault),
      },
      opener.nowUs(),
    )
  })
}
