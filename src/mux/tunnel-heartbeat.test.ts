import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../base/faults.ts'
import { TunnelHeartbeat } from './tunnel-heartbeat.ts'

test('whatever comes from the peer is life, though no PONG does; silence is none', async () => {
  let looks = 0
  const lost = Promise.withResolvers<Fault>()
  using _ = new TunnelHeartbeat(
    {
      ping: () => {},
      // Something comes between any two looks, far beyond the time-out; then nothing does.
      get heard() {
        return Math.min(++looks, 20)
      },
      lost: lost.resolve,
    },
    60_000,
    20,
  )
  const alive = setInterval(() => {}, 1000) // its timers keep no process
  assert.equal((await lost.promise).code, 'TUNNEL_LOST')
  clearInterval(alive)
  assert.ok(looks > 20, `lost at look ${looks}`)
})
