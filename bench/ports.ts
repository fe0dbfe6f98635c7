/**
 * Free TCP ports below the range that outgoing connections use.
 *
 * @module
 */

import { once } from 'node:events'
import net from 'node:net'

const PORTS_PER_PROCESS = 32
const PROCESSES = 700

/** Processes that run side by side have numbers near each other, and so ports apart: a port is free only until it is used. */
let next = 10_000 + (process.pid % PROCESSES) * PORTS_PER_PROCESS

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
