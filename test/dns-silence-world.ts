/**
 * Run in a network and mount namespace of its own, where /etc/resolv.conf names 127.0.0.2, which is silent, and then
 * 127.0.0.1, which answers for all names but dead ones: asks for living names, and dials an edge by its name, while dead
 * ones are being asked for. Prints what came, as JSON.
 *
 * @module
 */
import { once } from 'node:events'
import net from 'node:net'
import { asFault } from '../src/base/faults.ts'
import { leave } from '../src/cli/leave.ts'
import { Resolver } from '../src/connector/dial/resolver.ts'
import { dialEdge } from '../src/link/dial/dial.ts'
import { DIRECT } from '../src/link/dial/egress.ts'
import { openDnsServer } from './dns-server.ts'

await openDnsServer({ host: '127.0.0.2', port: 53 }, () => 'silence')
await openDnsServer({ host: '127.0.0.1', port: 53 }, (name) => {
  if (name.startsWith('dead')) return 'silence'
  return { rcode: 0, address: name.startsWith('edge') ? [127, 0, 0, 1] : [10, 1, 2, 3] }
})
const listener = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
await once(listener, 'listening')
const { port } = listener.address() as net.AddressInfo

const keepAlive = setInterval(() => {}, 1000)
using resolver = new Resolver()
const ask = async (host: string) => {
  try {
    return await resolver.addresses(host)
  } catch (error) {
    return asFault(error).code
  }
}
for (let i = 0; i < 12; i++) void ask(`dead${i}.test`)
const names = Array.from({ length: 6 }, (_, i) => `app${i}.test`)
const { signal } = new AbortController()
const [found, edge] = await Promise.all([
  Promise.all(names.map(ask)),
  dialEdge({ host: 'edge.test', port }, { egress: DIRECT, signal }).then(
    (socket) => {
      socket.destroy()
      return 'connected'
    },
    (error: unknown) => asFault(error).code,
  ),
])
clearInterval(keepAlive)
// Dead names are still being asked for: nobody waits for that.
process.stdout.write(JSON.stringify({ found, edge }), () => leave(0))
