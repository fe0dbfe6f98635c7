import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { wordsOf } from '../../base/fault-words.ts'
import { Fault } from '../../base/faults.ts'
import type { FaultMessage } from '../../wire/control.ts'
import { Clients } from '../agents/clients.ts'
import { connected, enrolDevice, enrolledConnector, openControl, put } from '../agents/control.fixture.ts'

/** A user, and two connectors behind a segment, of which none is connected. */
async function world() {
  let ms = Date.now()
  const control = await openControl({ clock: { ...systemClock, nowMs: () => ++ms } }) // nothing is of one moment
  const { store, parts } = control
  const group = await put(store, 'connector-group', 'dc1')
  await put(store, 'server-group', 'web', { connectorGroups: ['dc1'] })
  await put(store, 'access-rule', 'all', { order: 1000, action: 'allow' })
  await put(store, 'segment', 'wiki', { domains: ['wiki.example'], serverGroups: ['web'], tcp: ['443-444'] })
  const user = await put(store, 'user', 'ada')
  const [a, b] = [
    await enrolledConnector(store, group.id, 'a'),
    await enrolledConnector(store, group.id, 'b'),
  ]
  const client = connected('client', (await enrolDevice(store, user.id, 'laptop')).id)
  parts.presence.addClient(client)
  const clients = new Clients(parts)
  let asks = 0
  return {
    ...{ store, parts, group, a, b },
    async remove({ id, name }: { id: string; name: string }) {
      await store.transaction(async (tx) => {
        await tx.connectors.delete(id)
        const detail = { name, group: group.id, serial: '1' }
        const object = `connector ${id}`
        await tx.audit.append({ actor: 'token bob (tok_1)', action: 'connector.delete', object, detail })
      })
    },
    /** What the user is told, and what is kept for admins. */
    async refused(port = 443): Promise<{ told: FaultMessage; kept: FaultMessage }> {
      const id = `req_${++asks}`
      const asked = { host: 'wiki.example', port, protocol: 'tcp', wantPipe: false } as const
      const answer = await clients.authorize(client, { type: 'authorize', id, ...asked })
      assert.ok(answer.type === 'denied')
      return { told: answer.fault, kept: (await store.denials.get(answer.denial))!.fault }
    },
    [Symbol.asyncDispose]: () => control[Symbol.asyncDispose](),
  }
}

const fixOf = ({ code, seen = {} }: FaultMessage) => wordsOf({ code, seen }).fix

test('what was deleted is named: to the user that an admin did it and when, to admins who it was, and that it knocks', async () => {
  await using w = await world()
  await w.remove(w.a)
  await w.remove(w.b)
  w.parts.departures.refused(w.a.id, '192.0.2.9', new Fault('IDENTITY_REVOKED', 'gone'), Date.now())
  const { told, kept } = await w.refused()
  assert.equal(told.code, 'NO_HEALTHY_CONNECTOR')
  assert.match(
    told.detail,
    /^segment wiki: b: an admin deleted it at 2\S+Z; a: an admin deleted it at 2\S+Z$/,
  )
  assert.doesNotMatch(JSON.stringify(told), /bob|192\.0\.2\.9/)
  assert.match(
    kept.detail,
    /a: it was deleted at 2\S+Z by token bob \(tok_1\), and still tries to connect: last at 2\S+Z from 192\.0\.2\.9/,
  )
  for (const fault of [told, kept])
    assert.match(fixOf(fault), /^Enrol a connector: backstitch key create --group dc1,/)
})

test('beside those that are out; not once another one was enrolled behind it', async () => {
  await using w = await world()
  await w.remove(w.a)
  const { told } = await w.refused()
  assert.match(told.detail, /^segment wiki: b: it is disconnected; a: an admin deleted it at/)
  assert.match(fixOf(told), /^Bring back one that still exists: .* Or enrol another: .*--group dc1/)
  await enrolledConnector(w.store, w.group.id, 'c')
  assert.doesNotMatch((await w.refused(444)).told.detail, /deleted/)
})

test('a group that never had a connector gives no reason beside a name, and the command that makes a key for it', async () => {
  await using w = await world()
  await w.store.connectors.delete(w.a.id)
  await w.store.connectors.delete(w.b.id)
  const { told } = await w.refused()
  const { cause, fix } = wordsOf({ code: told.code, seen: told.seen ?? {} })
  assert.equal(cause, 'The groups behind the segment have no connector.')
  assert.match(fix, /--group dc1,/)
  assert.match(told.detail, /its connector groups have no member/)
})
