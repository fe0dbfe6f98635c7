/** What the admin is told of a device that was connected and is gone, and of the clock of one that is there. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { systemClock } from '../src/base/clock.ts'
import { withoutPaint } from '../src/base/paint.ts'
import { cellsOf, HEADS } from '../src/cli/columns.ts'
import { deviceText } from '../src/cli/describe-device.ts'
import type { ResourceRow } from '../src/cli/resource-row.ts'
import { askApi } from './ask-api.ts'
import { openClientSite, until } from './client-site.ts'
import { PROGRAM } from './installation.ts'

const FIVE_MINUTES_MS = 300_000

const becauseOf = (row: ResourceRow) =>
  cellsOf('client-device', row)[HEADS['client-device'].indexOf('BECAUSE')]!

test('a device that was killed: how it went, who else is there, what is not known, and what to run on it', async (t) => {
  // The control plane is ahead, so the clock of the device is behind.
  const clock = { ...systemClock, nowMs: () => Date.now() + FIVE_MINUTES_MS }
  const all = await openClientSite({ clock })
  t.after(() => all[Symbol.asyncDispose]())
  const { site, clientDir } = all
  await all.signIn()
  const child = spawn(
    PROGRAM,
    ['client', '--state', clientDir, '--config', '/dev/null', 'run', '--listen', '127.0.0.1:0'],
    { stdio: 'ignore', env: { ...process.env, HTTPS_PROXY: undefined } },
  )
  t.after(() => child.kill('SIGKILL'))
  await until(() => [...site.control.presence.allClients()].length === 1)
  const [here] = (await askApi<ResourceRow>(site, '/client-devices')).items
  assert.equal(here.state, 'connected')
  assert.ok(Math.abs(here.clockSkewMs + FIVE_MINUTES_MS) < 10_000, String(here.clockSkewMs))
  assert.match(becauseOf(here), /^CLOCK_SKEW: \d{3} s slow/)

  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  await until(() => [...site.control.presence.allClients()].length === 0)
  await all.connector('beside')
  const [gone] = (await askApi<ResourceRow>(site, '/client-devices')).items
  assert.match(becauseOf(gone), /^closed without a goodbye 2/)
  const device = await askApi<ResourceRow>(site, `/client-devices/${gone.id}`)
  assert.equal(device.disconnected.left, 'closed')
  const shown = withoutPaint(deviceText({ ...device, outages: [] }))
  assert.match(
    shown,
    /^Its connection was closed at \S+ without a goodbye: .*One other agent is connected from the same/,
  )
  assert.match(shown, /^ {2}run {5}backstitch doctor client {2}\(on the device\)$/m)
  assert.match(shown, /port 443 do there now: unknown, only the device can see it/)

  // It is back, and tells what that was: from then on it is known, should it happen again.
  const again = await all.client()
  await until(async () => (await site.control.store.outages.of(gone.id)).length === 1)
  assert.equal((await askApi<ResourceRow>(site, `/client-devices/${gone.id}`)).disconnected, undefined)
  await again.stop()
  await until(() => [...site.control.presence.allClients()].length === 0)
  const stopped = await askApi<ResourceRow>(site, `/client-devices/${gone.id}`)
  assert.equal(stopped.disconnected.left, 'orderly')
  assert.match(stopped.disconnected.seen.join('\n'), /away before: 2\S+ for .*DAEMON_DOWN/)
})
