/**
 * Holder of idle sessions: opens up to the number in each line on stdin, proves each with one byte there and back,
 * and answers with the same number when all of them stand. Ends with stdin.
 *
 * @module
 */

import { once } from 'node:events'
import net from 'node:net'
import { createInterface } from 'node:readline'
import type { Address } from '../children.ts'

/** So many at a time, so that accept queues and handshakes are not what is tested. */
const AT_ONCE = 32

const at = JSON.parse(process.argv[2]!) as Address
const held: net.Socket[] = []

async function hold(): Promise<void> {
  const socket = net.connect({ ...at, noDelay: true })
  await once(socket, 'connect')
  socket.write('b')
  await once(socket, 'data')
  socket.on('close', () => {
    process.stderr.write('an idle session was closed\n')
    process.exit(1)
  })
  held.push(socket)
}

for await (const line of createInterface(process.stdin)) {
  const wanted = Number(line)
  while (held.length < wanted) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, wanted - held.length) }, hold))
  }
  process.stdout.write(`${wanted}\n`)
}
process.exit(0)
