import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Clients } from './clients.ts'
import { connected, enrolDevice, enrolledConnector, openControl, put } from './control.fixture.ts'
import { agentHandlers } from './handlers.ts'

test('whoever is let in hears what connectors know of an application that takes connections', async () => {
  await using control = await openControl()
  const { store, parts } = control
  const group = await put(store, 'connector-group', 'dc1')
  await put(store, 'server-group', 'web', { connectorGroups: ['dc1'] })
  await put(store, 'access-rule', 'all', { order: 1000, action: 'allow' })
  const fields = { domains: ['wiki.example'], serverGroups: ['web'], tcp: ['443'] }
  const segment = (await put(store, 'segment', 'wiki', fields)).id
  const user = await put(store, 'user', 'ada')
  const connector = connected('connector', (await enrolledConnector(store, group.id, 'dc1-a')).id)
  const client = connected('client', (await enrolDevice(store, user.id, 'laptop')).id)
  parts.presence.addConnector(connector)
  parts.presence.addClient(client)
  const clients = new Clients(parts)
  const to = { host: 'wiki.example', port: 443, protocol: 'tcp' } as const
  const ask = async () => {
    const answer = await clients.authorize(client, { type: 'authorize', id: 'req_1', ...to, wantPipe: false })
    assert.equal(answer.type, 'granted')
    return answer.type === 'granted' ? answer.notes : undefined
  }
  const told = { connector: connector.peer.identity.id, segment, ...to, atMs: Date.now(), probe: false }

  parts.presence.applications.tell({ ...told, ok: true })
  assert.equal(await ask(), undefined, 'all is well')

  const seen = { saw: ['the last sent 94 B'], fix: ['check its log'], users: 3 }
  const fault = { code: 'APP_SILENT', hop: 'application', detail: 'wiki.example:443: silent.', seen } as const
  parts.presence.applications.tell({ ...told, ok: true, fault: { ...fault, seen: { ...seen } } })
  const detail = 'wiki.example:443: silent, reported by dc1-a'
  assert.deepEqual(await ask(), [
    { code: 'APP_SILENT', hop: 'application', detail, seen: { saw: ['the last sent 94 B'] } },
  ])

  parts.presence.applications.tell({ ...told, ok: false, fault: { ...fault, code: 'APP_REFUSED' } })
  assert.equal(await ask(), undefined, 'that it does not connect, the session itself says')
})

test('a connector hears the name of its group, for the commands that its machine prints', async () => {
  await using control = await openControl()
  const { store, parts } = control
  const group = await put(store, 'connector-group', 'dc1', { region: 'eu' })
  const connector = connected('connector', (await enrolledConnector(store, group.id, 'dc1-a')).id)
  const [welcome] = await agentHandlers(parts).welcome(connector)
  assert.ok(welcome?.type === 'welcome')
  assert.deepEqual([welcome.group, welcome.region], ['dc1', 'eu'])
})
