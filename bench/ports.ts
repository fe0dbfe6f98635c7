/**
 * Free TCP ports below the range that outgoing connections use.
 *
 * @module
 */

import { once } from 'node:events'
import net from 'node:net'

/** Begins anywhere in the lower part, so that two runs on one machine hardly ever meet. */
let next = 10_000 + Math.floor(Math.random() * 4000)

/** A port nothing listens on now; each call gives another one. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = next++
    const server = net.createServer()
    try {
      server.listen(port, '0.0.0.0')
      await once(server, 'listening')
      return port
    } catch {
      // Taken by something else: try the one above.
    } finally {
      server.close()
    }
  }
}
