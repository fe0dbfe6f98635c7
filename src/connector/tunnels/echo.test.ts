import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { duplexPair } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { ECHO_BYTES, ECHO_HOST, ECHO_PORT } from '../../wire/control.ts'
import { openTunnel } from './tunnel.fixture.ts'

const ECHO = { host: ECHO_HOST, port: ECHO_PORT } as const

/** As control signs it for a trace. */
function grantOf(tunnel: Awaited<ReturnType<typeof openTunnel>>) {
  return tunnel.grant({ echo: true, hosts: [], cidrs: [], addressCidrs: [], tcp: [], udp: [] })
}

test('a megabyte comes back unchanged, and there is no record: it was no session', async () => {
  await using tunnel = await openTunnel()
  const { stream, opened, closed } = tunnel.open(await grantOf(tunnel), ECHO)
  await opened
  const [ours, theirs] = duplexPair()
  stream.attach(theirs)
  const content = randomBytes(ECHO_BYTES)
  ours.end(content)
  assert.ok((await buffer(ours)).equals(content))
  assert.equal((await closed).reason, 'done')
  assert.deepEqual(tunnel.reports(), [])
})

test('a grant for the echo leads nowhere else, whatever else it says', async () => {
  await using tunnel = await openTunnel({ lookup: async () => [{ address: '127.0.0.1' }] })
  const jws = await tunnel.grant({ echo: true })
  for (const to of [
    { host: 'app.example', port: 80 },
    { host: ECHO_HOST, port: 80 },
    { ...ECHO, protocol: 'udp' },
  ] as const) {
    const { closed } = tunnel.open(jws, to)
    assert.equal((await closed).reason, 'DESTINATION_OUTSIDE_GRANT')
  }
})

test('without a grant for it there is no echo, even where a segment names its host', async () => {
  await using tunnel = await openTunnel({ lookup: async () => [] })
  const other = tunnel.open(await tunnel.grant(), ECHO)
  assert.equal((await other.closed).reason, 'DESTINATION_OUTSIDE_GRANT')
  const named = tunnel.open(await tunnel.grant({ hosts: [ECHO_HOST] }), ECHO)
  assert.equal((await named.closed).reason, 'APP_NAME_NXDOMAIN', 'an application like every other')
})

test('the echo takes so much and no more, and the tunnel lives on', async () => {
  await using tunnel = await openTunnel()
  const jws = await grantOf(tunnel)
  const { stream, opened, closed } = tunnel.open(jws, ECHO)
  await opened
  const [ours, theirs] = duplexPair()
  stream.attach(theirs)
  ours.on('error', () => {}).resume()
  ours.write(Buffer.alloc(4 * ECHO_BYTES))
  assert.notEqual((await closed).reason, 'done')
  await tunnel.client.ping()
  await tunnel.open(jws, ECHO).opened
})
