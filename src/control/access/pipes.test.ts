import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identityUri } from '../../pki/identity.ts'
import { newSigningKey, verifyKeys } from '../../pki/signing-keys.ts'
import { TICKET_LIFE_MS, verifyTicket } from '../../pki/ticket.ts'
import { SHARDS } from '../../wire/shard.ts'
import { connected } from '../agents/control.fixture.ts'
import { type Edges, knowsShards } from '../presence/edges.ts'
import { handClock } from '../rest/fixture.ts'
import { createPipe, type PipeDeps, pipeBetween } from './pipes.ts'

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

/** Tickets of pipes between two agents at one edge, each of which says that it knows this. */
async function between(
  knows: Record<'client' | 'connector' | 'edge', string[] | undefined>,
  pipes = 1,
  connectors = ['con_1'],
) {
  const agent = (role: 'client' | 'connector', id: string) => ({ ...connected(role, id), knows: knows[role] })
  const from = agent('client', 'dev_1')
  const to = connectors.map((id) => agent('connector', id))
  const at: Pick<Edges, 'choose' | 'knowsShards' | 'remember'> = {
    choose: () => ({ edge, because: 'the only one' }),
    knowsShards: () => knowsShards({ knows: knows.edge }),
    remember() {},
  }
  const ticketKeys = { signing: key } as unknown as PipeDeps['ticketKeys']
  const deps = { edges: at as Edges, ticketKeys, tenant: 'tnt_1', clock }
  const made = []
  for (let n = 0; n < pipes; n++) made.push(await pipeBetween(deps, from, to[n % to.length]!, 'ses_1'))
  return made
}

const SHARDED = { client: ['shards'], connector: ['shards', 'more'], edge: ['shards'] }

test('each pipe of a client is in the next shard, in the words and in the tickets of both halves', async () => {
  const pipes = await between(SHARDED, SHARDS + 2)
  const first = pipes[0]!.client.shard!
  const keys = verifyKeys('ticket', [key.publicJwk])
  for (const [n, made] of pipes.entries()) {
    const shard = (first + n) % SHARDS
    for (const [told, holder] of [
      [made.client, made.connector.peer],
      [made.connector, made.client.peer],
    ] as const) {
      assert.equal(told.shard, shard)
      const at = { tenant: 'tnt_1', edge: edge.id, holder, nowMs: clock.nowMs() }
      assert.equal((await verifyTicket(keys, told.ticket, at)).shard, shard)
    }
  }
})

test('the pipes to one connector are in shards beside each other, however many others the client has', async () => {
  const pipes = await between(SHARDED, 6, ['con_1', 'con_2'])
  const shards = pipes.map(({ client: told }) => told.shard!)
  for (const at of [0, 1, 2, 3]) assert.equal(shards[at + 2], (shards[at]! + 1) % SHARDS)
})

for (const who of ['client', 'connector', 'edge'] as const) {
  for (const knows of [undefined, ['more']]) {
    test(`${who} knows ${knows ?? 'nothing'}: the pipe has no shard, as of old`, async () => {
      const [{ client: told } = assert.fail()] = await between({ ...SHARDED, [who]: knows })
      const keys = verifyKeys('ticket', [key.publicJwk])
      const holder = identityUri(client)
      const at = { tenant: 'tnt_1', edge: edge.id, holder, nowMs: clock.nowMs() }
      assert.ok(!('shard' in (await verifyTicket(keys, told.ticket, at))))
      assert.ok(!JSON.stringify(told).includes('shard'))
    })
  }
}
