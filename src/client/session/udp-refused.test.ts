import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { destination } from '../address/destination.ts'
import { openProxy } from '../entry/local-proxy.fixture.ts'
import { ClientUdpFlows } from './client-udp-flows.ts'

/** An application that answers each datagram with its own, until it is stopped. */
async function echo() {
  const socket = dgram.createSocket('udp4')
  socket.on('message', (datagram, { port, address }) => socket.send(datagram, port, address))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  return { port, stop: () => new Promise<void>((resolve) => socket.close(() => resolve())) }
}

async function stage(t: TestContext) {
  const app = await echo()
  const proxy = await openProxy()
  const flows = new ClientUdpFlows({ opener: proxy.opener, entry: 'socks5-udp' })
  t.after(async () => {
    flows[Symbol.dispose]()
    await proxy[Symbol.asyncDispose]()
  })
  const to = destination('dns.example', app.port, 'udp')
  let answers = 0
  const send = (key: string) => flows.send(key, to, Buffer.from('?'), () => () => void answers++)
  const until = async (ready: () => boolean) => {
    while (!ready()) await immediate()
  }
  return { app, proxy, to, send, until, answers: () => answers }
}

test('flows whose first datagram is refused have failed, each, and the person at the device reads why', async (t) => {
  const { app, proxy, to, send, until } = await stage(t)
  await app.stop()
  for (const key of ['a', 'b', 'c']) send(key)
  const { decisions, opener } = proxy
  const { totals } = opener
  await until(() => totals.failed === 3)
  assert.deepEqual(totals.failedBy.samples('code'), [['{code="APP_REFUSED"}', 3]])
  const [latest] = decisions.latest
  assert.deepEqual(
    [latest?.destination, latest?.outcome, latest?.code, latest?.hop, latest?.times],
    [to.key, 'refused', 'APP_REFUSED', 'application', 3],
  )
})

test('a flow that was answered and is refused later broke off: it had been open', async (t) => {
  const { app, proxy, send, until, answers } = await stage(t)
  send('a')
  await until(() => answers() === 1)
  await app.stop()
  send('a')
  await until(() => proxy.ends.length === 1)
  assert.equal(proxy.ends[0]?.reason, 'APP_REFUSED')
  await until(() => proxy.opener.live.size === 0)
  assert.equal(proxy.opener.totals.failed, 0)
  assert.deepEqual(proxy.decisions.latest, [])
})
