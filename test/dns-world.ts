/**
 * Run in a network and mount namespace of its own, where /etc/resolv.conf names 127.0.0.1: is that resolver, and asks
 * the connector's Resolver for one name per way an answer can be. Prints what came, as JSON.
 *
 * @module
 */
import dgram from 'node:dgram'
import { once } from 'node:events'
import { Fault } from '../src/base/faults.ts'
import { Resolver } from '../src/connector/resolver.ts'

const HEADER_BYTES = 12
const TYPE_A = 1

/** By the first label of the name: response code, address of the one record, or no answer at all. */
const ANSWERS: Record<string, { rcode: number; address?: number[] } | 'silence'> = {
  answers: { rcode: 0, address: [10, 1, 2, 3] },
  empty: { rcode: 0 },
  none: { rcode: 3 },
  broken: { rcode: 2 },
  refused: { rcode: 5 },
  silent: 'silence',
}

const server = dgram.createSocket('udp4')
server.on('message', (query, from) => {
  const label = query.toString('latin1', HEADER_BYTES + 1, HEADER_BYTES + 1 + query[HEADER_BYTES]!)
  const answer = ANSWERS[label] ?? { rcode: 3 }
  if (answer === 'silence') return
  const nameEnd = query.indexOf(0, HEADER_BYTES) + 1
  const question = query.subarray(HEADER_BYTES, nameEnd + 4)
  const wanted = answer.address !== undefined && query.readUInt16BE(nameEnd) === TYPE_A
  const header = Buffer.from(query.subarray(0, HEADER_BYTES))
  header.writeUInt16BE(0x8180 | answer.rcode, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(wanted ? 1 : 0, 6)
  header.writeUInt32BE(0, 8)
  const record = [0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 1, 0, 4, ...(answer.address ?? [])]
  server.send(Buffer.concat([header, question, Buffer.from(wanted ? record : [])]), from.port, from.address)
})
server.bind(53, '127.0.0.1')
await once(server, 'listening')

const keepAlive = setInterval(() => {}, 1000)
const seen: Record<string, unknown> = {}
for (const label of Object.keys(ANSWERS)) {
  using resolver = new Resolver({ timeoutMs: 1500 })
  try {
    seen[label] = await resolver.addresses(`${label}.test`)
  } catch (error) {
    seen[label] = error instanceof Fault ? error.code : String(error)
  }
}
clearInterval(keepAlive)
process.stdout.write(JSON.stringify(seen))
process.exit()
