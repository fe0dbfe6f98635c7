import dgram from 'node:dgram'
import { once } from 'node:events'

/** How one name is answered: response code and IPv4 address, or not at all. */
export type DnsReply = { readonly rcode: number; readonly address?: readonly number[] } | 'silence'

const HEADER_BYTES = 12
const TYPE_A = 1
const NXDOMAIN = 3

/** A name server that says what it is told to: `reply` is asked for each question, by the name in lower case. */
export async function openDnsServer(
  at: { host: string; port: number },
  reply: (name: string) => DnsReply | undefined,
): Promise<AsyncDisposable> {
  const server = dgram.createSocket('udp4')
  server.on('message', (query, from) => {
    const nameEnd = query.indexOf(0, HEADER_BYTES) + 1
    const answer = reply(nameOf(query.subarray(HEADER_BYTES, nameEnd))) ?? { rcode: NXDOMAIN }
    if (answer === 'silence') return
    const wanted = answer.address !== undefined && query.readUInt16BE(nameEnd) === TYPE_A
    const header = Buffer.from(query.subarray(0, HEADER_BYTES))
    header.writeUInt16BE(0x8180 | answer.rcode, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(wanted ? 1 : 0, 6)
    header.writeUInt32BE(0, 8)
    const record = [0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 1, 0, 4, ...(answer.address ?? [])]
    const question = query.subarray(HEADER_BYTES, nameEnd + 4)
    server.send(Buffer.concat([header, question, Buffer.from(wanted ? record : [])]), from.port, from.address)
  })
  server.bind(at.port, at.host)
  await once(server, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

function nameOf(labels: Buffer): string {
  const parts: string[] = []
  for (let at = 0; labels[at]! > 0; at += 1 + labels[at]!) {
    parts.push(labels.toString('latin1', at + 1, at + 1 + labels[at]!))
  }
  return parts.join('.').toLowerCase()
}
