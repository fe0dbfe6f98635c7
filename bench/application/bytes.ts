/**
 * Far end of bulk transfers: `bytes.ts HOST SOURCE-PORT SINK-PORT`.
 *
 * The source writes one and the same megabyte for as long as it is taken; the sink drops what comes.
 *
 * @module
 */

import net from 'node:net'

const [host, sourcePort, sinkPort] = process.argv.slice(2)
const chunk = Buffer.alloc(1 << 20, 'backstitch ')

net
  .createServer({ noDelay: true }, (socket) => {
    const fill = () => {
      while (socket.writable && socket.write(chunk));
    }
    socket.on('error', () => {}).on('drain', fill)
    socket.resume()
    fill()
  })
  .listen({ host, port: Number(sourcePort), backlog: 4096 })

net
  .createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {}).resume()
  })
  .listen({ host, port: Number(sinkPort), backlog: 4096 })
