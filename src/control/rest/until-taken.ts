import type { Context } from 'hono'
import type { Pool } from '../../base/shares.ts'
import { JSON_LINES } from './route.ts'
import type { RestEnv } from './write.ts'

/**
 * Serves a request that has its share until whoever asked has taken the whole answer: one that nobody reads costs memory
 * for as long. Answers that go on have a share of their own, and are made as they are read.
 *
 * @throws {Fault} RATE_LIMITED when `by` has its share.
 */
export async function untilTaken(
  c: Context<RestEnv>,
  { share, by }: { readonly share: Pool; readonly by: string },
  serve: () => Promise<void>,
): Promise<void> {
  share.take(by)
  const { incoming, outgoing } = c.env ?? {}
  const give = () => {
    outgoing?.off('close', give)
    incoming?.socket.off('close', give)
    share.give(by)
  }
  try {
    await serve()
  } finally {
    const goesOn = c.res.headers.get('content-type') === JSON_LINES
    if (goesOn || outgoing === undefined || outgoing.closed || incoming!.socket.destroyed) give()
    else {
      outgoing.once('close', give)
      // An answer that waits behind others of its connection hears of no end but this one.
      incoming!.socket.setMaxListeners(0).once('close', give)
    }
  }
}
