/**
 * A program of the user that sends a datagram through the local proxy, by SOCKS5, and waits for the answer.
 *
 *     bin/node lab/udp-main.ts HOST PORT [SECONDS]
 *
 * @module
 */
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { LOCAL_PROXY } from './client.ts'

const [host, port, seconds = '1.5'] = process.argv.slice(2)
const [address, proxyPort] = LOCAL_PROXY.split(':')
const control = net.connect(Number(proxyPort), address)

async function asks(bytes: readonly number[]): Promise<Buffer> {
  control.write(Buffer.from(bytes))
  const [answer] = (await once(control, 'data')) as [Buffer]
  return answer
}

await asks([5, 1, 0]) // version 5, one method: none
const associated = await asks([5, 3, 0, 1, 0, 0, 0, 0, 0, 0]) // UDP ASSOCIATE, from anywhere
const socket = dgram.createSocket('udp4')
const head = Buffer.from([0, 0, 0, 3, host!.length])
const to = Buffer.alloc(2)
to.writeUInt16BE(Number(port))
const datagram = Buffer.concat([head, Buffer.from(host!), to, Buffer.from('hello')])
socket.send(datagram, associated.readUInt16BE(8), address)
socket.once('message', () => {
  console.log('answered')
  process.exit()
})
setTimeout(() => process.exit(), Number(seconds) * 1000)
