/**
 * Run in a network and mount namespace of its own, where /etc/resolv.conf names 127.0.0.1: is that resolver, and asks
 * the connector's Resolver for one name per way an answer can be. Prints what came, as JSON.
 *
 * @module
 */
import { Fault } from '../src/base/faults.ts'
import { Resolver } from '../src/connector/dial/resolver.ts'
import { type DnsReply, openDnsServer } from './dns-server.ts'

/** By the first label of the name. */
const ANSWERS: Record<string, DnsReply> = {
  answers: { rcode: 0, address: [10, 1, 2, 3] },
  empty: { rcode: 0 },
  none: { rcode: 3 },
  broken: { rcode: 2 },
  refused: { rcode: 5 },
  silent: 'silence',
}

await openDnsServer({ host: '127.0.0.1', port: 53 }, (name) => ANSWERS[name.split('.')[0]!])

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
