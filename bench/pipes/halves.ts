/**
 * Holder of idle pipes: `halves.ts TENANT-FILE`. Brings both halves of as many pipes as each line on stdin says, by
 * the same handover as client and connector, proves each with one byte, and answers with the number.
 *
 * @module
 */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type net from 'node:net'
import { createInterface } from 'node:readline'
import type { Credentials } from '../../src/link/dial/credentials.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { bringHalf } from '../../src/link/pipe/handover.ts'
import { identityUri } from '../../src/pki/identity.ts'
import { importSigningKey } from '../../src/pki/signing-keys.ts'
import { signTicket } from '../../src/pki/ticket.ts'
import type { Tenant } from './tenant.ts'

/** Handshakes at a time. */
const AT_ONCE = 16
const TICKET_LIFE_MS = 30_000

const tenant = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Tenant
const key = importSigningKey(tenant.signingKey.kid, tenant.signingKey.pem)
const signal = new AbortController().signal
const held: net.Socket[] = []
let next = 0

async function half(side: 'client' | 'connector', pipe: string): Promise<net.Socket> {
  const own: Credentials = tenant[side]
  const peer = identityUri(tenant[side === 'client' ? 'connector' : 'client'].identity)
  const { id: edge, tenant: name } = tenant.edge.identity
  const expiresMs = Date.now() + TICKET_LIFE_MS
  const holder = identityUri(own.identity)
  const body = {
    id: `${pipe}-${side}`,
    tenant: name,
    pipe,
    side,
    holder,
    peer,
    edge,
    session: pipe,
    expiresMs,
  }
  const ticket = await signTicket(key, body)
  const at = { id: edge, host: '127.0.0.1', port: tenant.port }
  const to = { ticket, pipe, peer, edge: at, ticketUs: 0 }
  const { socket } = await bringHalf(to, { egress: DIRECT, credentials: own, signal })
  return socket.on('error', lost).on('close', lost)
}

function lost(): void {
  process.stderr.write('an idle pipe was closed\n')
  process.exit(1)
}

async function pipe(): Promise<void> {
  const name = `pipe-${++next}`
  const [client, connector] = await Promise.all([half('client', name), half('connector', name)])
  client.write('b')
  connector.resume()
  await once(connector, 'data')
  held.push(client, connector)
}

for await (const line of createInterface(process.stdin)) {
  const wanted = Number(line)
  while (held.length / 2 < wanted) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, wanted - held.length / 2) }, pipe))
  }
  process.stdout.write(`${wanted}\n`)
}
process.exit(0)
