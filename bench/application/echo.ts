/**
 * Far end of round trips and of new and idle sessions: `echo.ts HOST PORT` gives back what it gets.
 *
 * @module
 */

import net from 'node:net'

const [host, port] = process.argv.slice(2)

net
  .createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {}).on('data', (data) => socket.write(data))
  })
  .listen({ host, port: Number(port), backlog: 4096 })
