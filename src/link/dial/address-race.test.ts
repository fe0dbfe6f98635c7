import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { interleave } from './address-race.ts'
import { RaceLost, raceConnect } from './race-connect.ts'

for (const [found, order] of [
  ['', ''],
  ['1.1.1.1', '1.1.1.1'],
  ['1.1.1.1 2.2.2.2', '1.1.1.1 2.2.2.2'],
  ['::1 ::2 1.1.1.1', '::1 1.1.1.1 ::2'],
  ['1.1.1.1 ::1 ::2 ::3 2.2.2.2', '1.1.1.1 ::1 2.2.2.2 ::2 ::3'],
] as const) {
  test(`the addresses "${found}" are tried as "${order}"`, () => {
    assert.equal(interleave(found.split(' ').filter(Boolean)).join(' '), order)
  })
}

test('a race gives the first that answers, no longer hears what becomes of it, and whoever refused is gone', async (t) => {
  const server = net.createServer().listen(0, '127.0.0.2')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as net.AddressInfo
  const socket = await raceConnect(['127.0.0.1', '127.0.0.2'], port, AbortSignal.timeout(5000))
  t.after(() => socket.destroy())
  assert.equal(socket.remoteAddress, '127.0.0.2')
  socket.emit('connect')
  socket.emit('error', new Error('later'))
  assert.ok(!socket.destroyed)
})

test('a race that is lost says what each address did, with its port', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  await assert.rejects(raceConnect(['127.0.0.1', '127.0.0.2'], port, AbortSignal.timeout(5000)), (lost) => {
    assert.ok(lost instanceof RaceLost)
    assert.deepEqual(lost.attempts, [
      { address: `127.0.0.1:${port}`, errno: 'ECONNREFUSED' },
      { address: `127.0.0.2:${port}`, errno: 'ECONNREFUSED' },
    ])
    return true
  })
})

test('a race that was over before it began tries nobody', async () => {
  await assert.rejects(raceConnect(['127.0.0.1'], 1, AbortSignal.abort()), { name: 'RaceLost', attempts: [] })
})
