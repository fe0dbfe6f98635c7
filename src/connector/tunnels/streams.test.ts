import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { newId } from '../../base/ids.ts'
import type { Grant } from '../../pki/grant.ts'
import { openTunnel } from './tunnel.fixture.ts'

const LOCAL = async () => [{ address: '127.0.0.1' }]

async function application(t: TestContext, serve: (socket: net.Socket) => void, host = '127.0.0.1') {
  const sockets: net.Socket[] = []
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => {}))
    serve(socket)
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as net.AddressInfo).port, sockets, server }
}

/** The two ends of a local connection, as an application and the client would have. */
async function localPair(t: TestContext): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const user = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [[local]] = await Promise.all([
    once(server, 'connection') as Promise<[net.Socket]>,
    once(user, 'connect'),
  ])
  server.close()
  for (const end of [user, local]) end.on('error', () => {})
  t.after(() => {
    user.destroy()
    local.destroy()
  })
  return [user, local]
}

test('a session: OPEN with early data, OPENED with times, bytes both ways, half-close, and its record', async (t) => {
  const { port } = await application(t, (socket) => socket.pipe(socket))
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const jws = await tunnel.grant()
  const [user, local] = await localPair(t)
  const { stream, session, opened, closed } = tunnel.open(jws, { port })
  stream.attach(local)
  user.end('hello through the tunnel')
  const answer = await opened
  assert.equal(answer.address, '127.0.0.1')
  assert.ok(answer.dnsUs > 0 && answer.connectUs > 0)
  assert.equal(await text(user), 'hello through the tunnel')
  assert.equal((await closed).reason, 'done')
  const record = await tunnel.record(session)
  assert.equal(record?.state, 'closed')
  assert.equal(record?.side, 'connector')
  assert.equal(record?.closeReason, 'done')
  assert.equal(record?.bytesUp, 24)
  assert.equal(record?.bytesDown, 24)
  assert.equal(record?.address, '127.0.0.1')
  assert.ok((record?.times.connectUs ?? 0) > 0)
})

const REFUSALS: {
  name: string
  grant?: [change?: Partial<Grant>, key?: 'ours' | 'foreign']
  to?: { host?: string; port?: number; grant?: string }
  code: string
}[] = [
  { name: 'a grant that was never sent', to: { grant: 'f'.repeat(32) }, code: 'GRANT_INVALID' },
  { name: 'a forged grant', grant: [{}, 'foreign'], code: 'GRANT_INVALID' },
  {
    name: 'a grant bound to another certificate',
    grant: [{ thumbprint: 'a'.repeat(64) }],
    code: 'GRANT_INVALID',
  },
  { name: 'a grant for another connector', grant: [{ connector: newId('con') }], code: 'GRANT_INVALID' },
  { name: 'a grant of another tenant', grant: [{ tenant: newId('tnt') }], code: 'GRANT_INVALID' },
  {
    name: 'an expired grant',
    grant: [{ issuedMs: Date.now() - 60_000, expiresMs: Date.now() - 1 }],
    code: 'GRANT_EXPIRED',
  },
  { name: 'another host', to: { host: 'evil.example' }, code: 'DESTINATION_OUTSIDE_GRANT' },
  {
    name: 'wildcard confusion',
    grant: [{ hosts: ['*.example.com'] }],
    to: { host: 'evil-example.com' },
    code: 'DESTINATION_OUTSIDE_GRANT',
  },
  {
    name: 'another port',
    grant: [{ tcp: [[443, 443]] }],
    to: { port: 80 },
    code: 'DESTINATION_OUTSIDE_GRANT',
  },
  { name: 'another spelling', to: { host: 'APP.example' }, code: 'BAD_DESTINATION' },
  {
    name: 'an address that is not in the grant',
    to: { host: '127.0.0.1' },
    code: 'DESTINATION_OUTSIDE_GRANT',
  },
  {
    name: 'a name that resolves to where the segment does not reach',
    grant: [{ addressCidrs: ['10.0.0.0/8'] }],
    code: 'ADDRESS_FORBIDDEN',
  },
  {
    name: 'a name that resolves to loopback, where the segment says nothing',
    grant: [{ addressCidrs: [] }],
    code: 'ADDRESS_FORBIDDEN',
  },
]
for (const { name, grant = [], to = {}, code } of REFUSALS) {
  test(`a session is refused for ${name}: ${code}, and nothing is dialled`, async (t) => {
    let reached = 0
    const { port, server } = await application(t, () => {})
    server.on('connection', () => reached++)
    await using tunnel = await openTunnel({ lookup: LOCAL })
    const jws = await tunnel.grant(grant[0], grant[1])
    const { closed, session } = tunnel.open(jws, { port, ...to })
    const end = await closed
    assert.equal(end.reason, code)
    assert.equal(end.by, 'remote')
    assert.equal(reached, 0)
    // On record is what was a session of its grant, and nothing that somebody has made up.
    const good = await tunnel.grant()
    const known = tunnel.open(good, { port })
    await known.opened
    known.stream.reset('CLIENT_RESET', '')
    await tunnel.record(known.session)
    const told = tunnel.reports().filter((report) => report.session === session)
    assert.deepEqual(
      told.map(({ closeReason }) => closeReason),
      code === 'ADDRESS_FORBIDDEN' ? [code] : [],
    )
  })
}

test('an id is of one stream: whatever else comes with it is on record under an id of its own', async (t) => {
  const { port } = await application(t, (socket) => socket.pipe(socket))
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const [jws, other, older] = [
    await tunnel.grant(),
    await tunnel.grant(),
    await tunnel.grant({ issuedMs: Date.now() - 60_000 }),
  ]
  // What was opened before the start is not known: an id of a grant from then may have been used.
  tunnel.services.authority.welcomed(Date.now() - 30_000)
  const [first, another, past] = [jws, other, older].map((grant) => tunnel.open(grant, { port }))
  const ends = [first!, another!, past!]
  await Promise.all(ends.map(({ opened }) => opened))
  for (const [grant, session] of [
    [jws, first!.session],
    [other, first!.session],
    [jws, newId('ses')],
  ] as const) {
    const again = tunnel.open(grant, { port, session })
    await again.opened
    ends.push(again)
  }
  for (const { stream, closed } of ends) {
    stream.reset('CLIENT_RESET', '')
    await closed
  }
  const reports = () => tunnel.reports().filter(({ state }) => state === 'closed')
  while (reports().length < ends.length) await new Promise(setImmediate)
  const ids = reports().map(({ session }) => session)
  assert.equal(new Set(ids).size, ends.length, 'six streams, six records')
  assert.ok(ids.includes(first!.session) && ids.includes(another!.session))
  assert.ok(!ids.includes(past!.session))
  for (const { session, grant } of reports()) assert.equal(session.slice(14, 25), grant.slice(-11))
})

test('a grant is good until it ends, and not a moment longer, however often it was used', async (t) => {
  const { port } = await application(t, (socket) => socket.end())
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const jws = await tunnel.grant()
  assert.ok(await tunnel.open(jws, { port }).opened)
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 600_001 })
  assert.equal((await tunnel.open(jws, { port }).closed).reason, 'GRANT_EXPIRED')
})

test('sessions that go on after their grant has ended are named, once for each grant and port, until they end', async (t) => {
  const { port } = await application(t, (socket) => socket.pipe(socket))
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const { open } = tunnel.ledger
  const expiresMs = Date.now() + 60_000
  const short = { id: newId('grt'), expiresMs }
  const jws = await tunnel.grant(short)
  const twins = [tunnel.open(jws, { port }), tunnel.open(jws, { port })]
  await Promise.all([...twins, tunnel.open(await tunnel.grant(), { port })].map(({ opened }) => opened))
  assert.deepEqual(open.ended(expiresMs - 1), [])
  const ended = open.ended(expiresMs)
  assert.equal(ended.length, 1)
  const { grant, device, host, protocol, port: of } = ended[0]!
  assert.deepEqual(
    { grant, device, host, protocol, port: of },
    { grant: short.id, device: tunnel.facts.device, host: 'app.example', protocol: 'tcp', port },
  )
  for (const { stream } of twins) stream.reset('CLIENT_RESET', '')
  await Promise.all(twins.map(({ closed }) => closed))
  await tunnel.client.ping()
  assert.deepEqual(open.ended(expiresMs), [])
})

test('revocation cuts the live session and refuses the next, and leaves others alone', async (t) => {
  const { port } = await application(t, (socket) => socket.pipe(socket))
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const id = newId('grt')
  const revoked = await tunnel.grant({ id })
  const other = await tunnel.grant()
  const cut = tunnel.open(revoked, { port })
  const kept = tunnel.open(other, { port })
  await Promise.all([cut.opened, kept.opened])
  tunnel.services.authority.revoke([id], Date.now())
  assert.equal(tunnel.services.active.cut([id], 'rule deleted'), 1)
  const end = await cut.closed
  assert.equal(end.reason, 'GRANT_REVOKED')
  assert.equal(end.detail, 'rule deleted')
  assert.equal((await tunnel.open(revoked, { port }).closed).reason, 'GRANT_REVOKED')
  const stillThere = await Promise.race([kept.closed, tunnel.client.ping()])
  assert.equal(typeof stillThere, 'number')
})

test('a name that is bound anew is judged anew, and only what was judged is dialled', async (t) => {
  let answer = ['127.0.0.1']
  const inside = await application(t, (socket) => socket.end('inside'))
  let reached = 0
  const beside = net.createServer(() => reached++).listen(inside.port, '127.0.0.2')
  await once(beside, 'listening')
  t.after(() => beside.close())
  const lookup = async () => answer.map((address) => ({ address }))
  await using tunnel = await openTunnel({ lookup, keepMs: 0 })
  const jws = await tunnel.grant({ addressCidrs: ['127.0.0.1/32'] })
  const open = () => tunnel.open(jws, { port: inside.port })
  assert.equal((await open().opened).address, '127.0.0.1')
  for (const rebound of [['127.0.0.2'], ['::ffff:127.0.0.2'], ['169.254.169.254'], ['0.0.0.0'], ['::']]) {
    answer = rebound
    assert.equal((await open().closed).reason, 'ADDRESS_FORBIDDEN', `${rebound}`)
  }
  answer = ['127.0.0.2', '127.0.0.1', '::ffff:127.0.0.2']
  assert.equal((await open().opened).address, '127.0.0.1')
  assert.equal(reached, 0)
})

test('a name with its final dot is looked up so, and is the same to the grant', async (t) => {
  const inside = await application(t, (socket) => socket.end('inside'))
  const asked: string[] = []
  const lookup = async (host: string) => {
    asked.push(host)
    return LOCAL()
  }
  await using tunnel = await openTunnel({ lookup })
  const jws = await tunnel.grant({ addressCidrs: ['127.0.0.1/32'] })
  for (const absolute of [undefined, true] as const) {
    await tunnel.open(jws, { port: inside.port, absolute }).opened
  }
  assert.deepEqual(asked, ['app.example', 'app.example.'])
})

test('what resolving and dialling meet is named, and control is told of the application', async (t) => {
  const { server, port } = await application(t, () => {})
  await new Promise((resolve) => server.close(resolve))
  const answers: Record<string, () => Promise<{ address: string }[]>> = {
    'app.example': LOCAL,
    'none.example': () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' })),
    'dead.example': () => Promise.reject(Object.assign(new Error(), { code: 'EAI_AGAIN' })),
  }
  await using tunnel = await openTunnel({ lookup: (host) => answers[host]!() })
  const jws = await tunnel.grant({ hosts: Object.keys(answers) })
  for (const [host, code] of [
    ['app.example', 'APP_REFUSED'],
    ['none.example', 'APP_NAME_NXDOMAIN'],
    ['dead.example', 'APP_RESOLVER_DOWN'],
  ] as const) {
    const end = await tunnel.open(jws, { host, port }).closed
    assert.equal(end.reason, code)
    const told = tunnel.told.find((message) => message.type === 'reach' && message.host === host)
    assert.ok(told?.type === 'reach' && !told.ok && told.fault?.code === code, host)
  }
  assert.equal(tunnel.reach.failing, 3)
})

test('a client that gives up while the dial goes on leaves nothing behind', async (t) => {
  const { port, server } = await application(t, () => {})
  let answer: (found: { address: string }[]) => void = () => {}
  await using tunnel = await openTunnel({ lookup: () => new Promise((resolve) => (answer = resolve)) })
  const { stream, closed } = tunnel.open(await tunnel.grant(), { port })
  await tunnel.client.ping()
  assert.equal(tunnel.services.active.count, 1)
  stream.reset('APP_RESET', 'the user closed it')
  await closed
  await tunnel.client.ping()
  assert.equal(tunnel.services.active.count, 0)
  let reached = 0
  server.on('connection', () => reached++)
  answer([{ address: '127.0.0.1' }])
  const next = tunnel.open(await tunnel.grant({ hosts: ['127.0.0.1'] }), { host: '127.0.0.1', port })
  await next.opened
  assert.equal(reached, 1, 'only the second session dialled')
})

test('an application that resets closes the session with APP_RESET', async (t) => {
  const { port, sockets } = await application(t, () => {})
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const { stream, opened, closed } = tunnel.open(await tunnel.grant(), { port })
  const [, local] = await localPair(t)
  stream.attach(local)
  await opened
  sockets[0]!.resetAndDestroy()
  assert.equal((await closed).reason, 'APP_RESET')
})

test('a defect on the way to an application costs that session, with INTERNAL at the connector, and no other', async (t) => {
  const { port } = await application(t, (socket) => socket.pipe(socket))
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const jws = await tunnel.grant()
  const good = tunnel.open(jws, { port })
  await good.opened
  tunnel.reach.note = () => {
    throw new TypeError('a defect')
  }
  const bad = tunnel.open(jws, { port })
  assert.equal((await bad.closed).reason, 'INTERNAL')
  const record = await tunnel.record(bad.session)
  assert.deepEqual([record.closeReason, record.closeHop], ['INTERNAL', 'connector'])
  const [user, local] = await localPair(t)
  good.stream.attach(local)
  user.end('still here')
  assert.equal(await text(user), 'still here')
})
