/**
 * An application that hangs: it takes each connection, reads what is asked, and never says a word.
 *
 *     bin/node lab/silent-main.ts ADDRESS PORT
 *
 * @module
 */
import net from 'node:net'

const [address, port] = process.argv.slice(2)

net.createServer((socket) => socket.on('error', () => {}).resume()).listen(Number(port), address)
