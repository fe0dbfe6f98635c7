import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identityUri } from '../../pki/identity.ts'
import { newSigningKey, verifyKeys } from '../../pki/signing-keys.ts'
import { TICKET_LIFE_MS, verifyTicket } from '../../pki/ticket.ts'
import { handClock } from '../rest/fixture.ts'
import { createPipe } from './pipes.ts'

const clock = handClock(Date.now())
const key = newSigningKey(clock.nowMs())
const edge = { id: 'edg_1', host: 'edge.example', port: 443 }
const client = { tenant: 'tnt_1', role: 'client', id: 'dev_1' } as const
const connector = { tenant: 'tnt_1', role: 'connector', id: 'con_1' } as const
const pipe = () => createPipe({ client, connector, session: 'ses_1' }, { tenant: 'tnt_1', edge, key, clock })

test('each half of a pipe gets a ticket in its own name, for one edge, one session and a short time', async () => {
  const { client: first, connector: second } = await pipe()
  assert.equal(first.pipe, second.pipe)
  assert.deepEqual([first.edge, second.edge], [edge, edge])
  assert.deepEqual([first.peer, second.peer], [identityUri(connector), identityUri(client)])
  const keys = verifyKeys('ticket', [key.publicJwk])
  for (const [side, told, holder] of [
    ['client', first, client],
    ['connector', second, connector],
  ] as const) {
    const at = { tenant: 'tnt_1', edge: edge.id, nowMs: clock.nowMs() }
    const ticket = await verifyTicket(keys, told.ticket, { ...at, holder: identityUri(holder) })
    const stolen = verifyTicket(keys, told.ticket, { ...at, holder: told.peer })
    await assert.rejects(stolen, { code: 'TICKET_INVALID' })
    const elsewhere = verifyTicket(keys, told.ticket, { ...at, edge: 'edg_2', holder: identityUri(holder) })
    await assert.rejects(elsewhere, { code: 'TICKET_INVALID' })
    assert.deepEqual(
      [ticket.side, ticket.holder, ticket.pipe, ticket.session, ticket.edge],
      [side, identityUri(holder), told.pipe, 'ses_1', edge.id],
    )
    assert.equal(ticket.expiresMs, clock.nowMs() + TICKET_LIFE_MS)
  }
})

test('no two pipes have anything of their tickets in common', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, pipe))
  const tickets = all.flatMap((one) => [one.client.ticket, one.connector.ticket])
  assert.equal(new Set(tickets).size, 40)
  assert.equal(new Set(all.map((one) => one.client.pipe)).size, 20)
})
