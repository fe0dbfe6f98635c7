import { INITIAL_WINDOW } from '../wire/frame.ts'

export const MAX_WINDOW = 16_777_216

/** Below this a round trip says more about the scheduler of the machine than about the network. */
const RTT_FLOOR_US = 1_000

/**
 * The receive window a stream should have, decided each time the local socket has taken half of the old one.
 *
 * The half was taken in `elapsedUs`, so the stream runs at window / 2 / elapsed. A window of that rate times the
 * round trip keeps the path full. It is kept at 8 to 16 times that: how much is on its way is the business of the
 * sender's rate limiter, which is fair among streams; windows are there for the reader that stops.
 *
 * @param rttUs Shortest round trip of the tunnel: the queues that windows make must not make windows. 0: not known yet.
 * @returns Bytes: the same, twice, or half, within INITIAL_WINDOW..MAX_WINDOW.
 */
export function nextWindow(windowBytes: number, elapsedUs: number, rttUs: number): number {
  const rtt = Math.max(rttUs, RTT_FLOOR_US)
  if (elapsedUs < 4 * rtt) return Math.min(windowBytes * 2, MAX_WINDOW)
  if (elapsedUs > 32 * rtt) return Math.max(windowBytes / 2, INITIAL_WINDOW)
  return windowBytes
}
