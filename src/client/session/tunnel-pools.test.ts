import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { TunnelPair } from '../../mux/pair.fixture.ts'
import type { PipeTicket } from '../../wire/control.ts'
import { ClientTunnel } from './client-tunnel.ts'
import { TunnelPools } from './tunnel-pools.ts'

const pipe: PipeTicket = {
  ...{ pipe: 'pip', ticket: 'jws', peer: 'backstitch://t/connector/c', ticketUs: 1 },
  edge: { id: 'edg', host: 'edge', port: 443 },
}

test('a burst of pipes to one connector opens no more tunnels than its limit, and each gets one', async () => {
  await using stack = new AsyncDisposableStack()
  const begun = Promise.withResolvers<void>()
  let brought = 0
  const tunnels = stack.use(
    new TunnelPools({
      ...{ log: silentLog, clock: systemClock, target: 2 },
      ...{ lost: () => {}, newSession: () => 'ses', wantPipe: async () => pipe },
      bring: async () => {
        brought++
        await begun.promise
        const pair = stack.use(await TunnelPair.open())
        const facts = {
          connector: 'con',
          edge: 'edg',
          pipe: 'pip',
          ticketUs: 0,
          handoverUs: 0,
          innerTlsUs: 0,
        }
        return new ClientTunnel(pair.client, { ...facts, wrapped: false }, systemClock)
      },
    }),
  )
  const taken = Array.from({ length: 60 }, () => tunnels.take('con', pipe))
  begun.resolve()
  const got = await Promise.all(taken)
  assert.equal(brought, 8)
  assert.ok(got.every((tunnel) => tunnel.usable))
  assert.equal([...tunnels.all()].length, 8)
})

test('sessions that come together share a tunnel up to 64; what comes later takes the emptier one', async () => {
  await using stack = new AsyncDisposableStack()
  let nowUs = 0
  const clock = { ...systemClock, monotonicUs: () => nowUs }
  const pairs = await Promise.all([TunnelPair.open(), TunnelPair.open()])
  for (const pair of pairs) stack.use(pair)
  const tunnels = stack.use(
    new TunnelPools({
      ...{ log: silentLog, clock, target: 2 },
      ...{ lost: () => {}, newSession: () => 'ses', wantPipe: async () => pipe },
      bring: async () => {
        const pair = pairs.pop()
        if (pair === undefined) throw new Error('two are enough')
        const facts = { connector: 'con', edge: 'edg', pipe: 'pip' }
        const times = { ticketUs: 0, handoverUs: 0, innerTlsUs: 0, wrapped: false }
        return new ClientTunnel(pair.client, { ...facts, ...times }, clock)
      },
    }),
  )
  const [one, two] = await Promise.all([tunnels.take('con', pipe), tunnels.take('con', pipe)])
  const open = (): ClientTunnel => {
    const tunnel = tunnels.pick('con')!
    tunnel.enter({ bytesIn: 0, bytesOut: 0 })
    return tunnel
  }
  const sizes = () => [one.sessions.size, two.sessions.size]
  for (let i = 0; i < 64; i++) open()
  assert.deepEqual(sizes(), [64, 0])
  for (let i = 0; i < 10; i++) open()
  assert.deepEqual(sizes(), [64, 10])
  nowUs += 1_000_000
  for (const each of [...two.sessions]) two.leave(each)
  assert.equal(open(), two)
  nowUs += 1_000_000
  const bulk = { bytesIn: 0, bytesOut: 0 }
  two.enter(bulk)
  bulk.bytesIn = 100_000_000
  assert.equal(open(), one, 'a tunnel that carries bulk is left to it')
})
