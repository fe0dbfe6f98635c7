/**
 * An application that is stuck: its queue of connections is full, nobody takes one out, and the kernel drops whoever
 * comes on top.
 *
 *     bin/node lab/full-queue-main.ts ADDRESS PORT
 *
 * @module
 */
import net from 'node:net'

const [address, port] = process.argv.slice(2)

const server = net.createServer().listen({ host: address, port: Number(port), backlog: 1 }, () => {
  for (let n = 0; n < 3; n++) net.connect(Number(port), address).on('error', () => {})
  // Behind the connects, which wait for the next tick, and before the next turn of the loop, in which it would take them.
  process.nextTick(() => process.kill(process.pid, 'SIGSTOP'))
})
server.on('error', (error) => process.stderr.write(`${error.message}\n`))
