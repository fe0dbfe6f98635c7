/**
 * An application that wants nobody who comes from here: it takes each connection and ends it, in good order, without a
 * byte.
 *
 *     bin/node lab/hang-up-main.ts ADDRESS PORT
 *
 * @module
 */
import net from 'node:net'

const [address, port] = process.argv.slice(2)

net.createServer((socket) => socket.on('error', () => {}).end()).listen(Number(port), address)
