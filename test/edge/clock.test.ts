/** Tickets and grants are judged by the time of the control plane, whatever the clock of the machine says. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { ServerClock } from '../../src/link/control/server-clock.ts'
import { openClientSite, PASSWORD, USER } from '../client-site.ts'
import { placeOf, RogueAgent, signInDevice } from '../misuse-agent.ts'
import { openStream } from '../rogue-stream.ts'
import { openTestEdge, openTunnel } from './fixture.ts'

for (const [name, offMs] of [
  ['ten minutes slow', -600_000],
  ['ten minutes fast', 600_000],
] as const) {
  test(`against a control plane that is ${name}, edge and connector go by its time`, async () => {
    const clock = { ...systemClock, nowMs: () => Date.now() + offMs }
    await using opened = await openClientSite({ clock })
    const { site } = opened
    await using application = net.createServer((socket) => void socket.on('error', () => {}).end('hello'))
    application.listen(0, '127.0.0.1')
    await once(application, 'listening')
    const { port } = application.address() as net.AddressInfo
    await opened.connector('connector') // its canary has come through the edge
    const who = await signInDevice(placeOf(site), { user: USER, password: PASSWORD })
    await using agent = await RogueAgent.connect(placeOf(site), who)
    assert.equal(await openStream(agent, who, { host: 'localhost', port }), 'opened')
  })
}

test('an edge whose clock jumps goes on with the time that it was told, and with the next one', async () => {
  const local = { aheadMs: 31_000 }
  const clock = new ServerClock({ ...systemClock, nowMs: () => Date.now() + local.aheadMs })
  await using t = await openTestEdge({ clock })
  const joins = async () => {
    const { client, connector } = await openTunnel(t)
    for (const { socket } of [client, connector]) socket.destroy()
  }
  clock.set(-31_000)
  await joins()
  local.aheadMs -= 3_600_000
  await joins()
  local.aheadMs += 7_200_000 // as after a suspend: nobody knows yet that it is none
  await assert.rejects(joins())
  clock.set(-local.aheadMs)
  await joins()
})
