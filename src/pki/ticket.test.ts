import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Grant, signGrant } from './grant.ts'
import { newSigningKey, verifyKeys } from './signing-keys.ts'
import { signTicket, TICKET_LIFE_MS, type Ticket, verifyTicket } from './ticket.ts'

const nowMs = Date.parse('2026-11-20T10:00:00.250Z')
const key = newSigningKey(nowMs)
const keys = verifyKeys('ticket', [key.publicJwk])
const holder = 'backstitch://tnt_a/client/dev_1'
const ticket: Ticket = {
  id: 'tkt_1',
  tenant: 'tnt_a',
  pipe: 'pip_1',
  side: 'client',
  holder,
  peer: 'backstitch://tnt_a/connector/con_1',
  edge: 'edg_1',
  session: 'ses_1',
  expiresMs: nowMs + TICKET_LIFE_MS,
}
const expect = { tenant: 'tnt_a', edge: 'edg_1', holder, nowMs }
const invalid = { name: 'Fault', code: 'TICKET_INVALID' }

test('a ticket reads back whole', async () => {
  assert.deepEqual(await verifyTicket(keys, await signTicket(key, ticket), expect), ticket)
})

test('a ticket is for one tenant, one edge and one holder', async () => {
  const jws = await signTicket(key, ticket)
  for (const other of [
    { tenant: 'tnt_b' },
    { edge: 'edg_2' },
    { holder: 'backstitch://tnt_a/client/dev_2' },
    { holder: ticket.peer },
    { holder: '' },
  ]) {
    await assert.rejects(verifyTicket(keys, jws, { ...expect, ...other }), invalid, JSON.stringify(other))
  }
})

test('a ticket ends to the millisecond', async () => {
  const jws = await signTicket(key, ticket)
  await verifyTicket(keys, jws, { ...expect, nowMs: ticket.expiresMs - 1 })
  await assert.rejects(verifyTicket(keys, jws, { ...expect, nowMs: ticket.expiresMs }), invalid)
  await assert.rejects(verifyTicket(keys, jws, { ...expect, nowMs: ticket.expiresMs + 86_400_000 }), invalid)
})

test('a grant never passes for a ticket', async () => {
  const grant: Grant = {
    id: 'tkt_1',
    tenant: 'tnt_a',
    user: 'usr_1',
    userName: 'ann',
    device: 'dev_1',
    thumbprint: 'ab'.repeat(32),
    connector: 'edg_1',
    segment: 'seg_1',
    segmentName: 'wiki',
    rule: 'rul_1',
    hosts: [],
    cidrs: [],
    addressCidrs: [],
    tcp: [],
    udp: [],
    issuedMs: nowMs,
    expiresMs: ticket.expiresMs,
  }
  await assert.rejects(verifyTicket(keys, await signGrant(key, grant), expect), invalid)
})

test('a ticket is short enough for an edge to read before it knows the peer', async () => {
  assert.ok((await signTicket(key, ticket)).length < 1200)
  await assert.rejects(verifyTicket(keys, 'A'.repeat(4097), expect), invalid)
  const long = { ...ticket, holder: 'x'.repeat(256), peer: 'x'.repeat(256), pipe: 'x'.repeat(256) }
  assert.ok((await signTicket(key, long)).length <= 4096)
})
