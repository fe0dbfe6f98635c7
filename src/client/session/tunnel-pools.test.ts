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
