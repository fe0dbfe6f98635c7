/** Answers whoever connects, at once; `reads nothing` leaves in the kernel what comes. Prints its port. */
import net from 'node:net'
import { ANSWER, body, SMALL } from './message.ts'

const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {})
  socket.write(ANSWER)
  socket.write(body(SMALL))
  if (process.argv[2] === 'reads') socket.resume()
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as net.AddressInfo).port}\n`)
})
