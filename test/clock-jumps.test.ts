/** What lasts is measured by a clock that nobody sets: an hour's correction in the middle is in no figure. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { parseForward } from '../src/client/address/forward-spec.ts'
import { openClientSite, until } from './client-site.ts'
import { read, serveEcho } from './client-traffic.ts'

const HOUR_MS = 3_600_000

for (const jumpMs of [HOUR_MS, -HOUR_MS]) {
  test(`sessions and pipes last as long as they did, the clock set by ${jumpMs / HOUR_MS} h meanwhile`, async (t) => {
    const lines: { event: string; lastedMs?: number }[] = []
    const site = await openSiteWith(t, (line) => lines.push(line))
    const echo = await serveEcho()
    t.after(() => echo[Symbol.asyncDispose]())
    await site.connector('connector')
    await site.signIn()
    const { client, stop } = await site.client({
      forwards: [parseForward(`127.0.0.1:0 localhost:${echo.port}`)],
    })
    const socket = net.connect(Number(client.status().forwards[0]!.local.split(':')[1]), '127.0.0.1')
    socket.write('ping')
    assert.equal(String(await read(socket, 4)), 'ping')

    const now = Date.now
    t.mock.method(Date, 'now', () => now() + jumpMs)
    socket.end()
    await once(socket.resume(), 'close')
    const sessions = async () => (await site.site.control.store.sessions.list({ limit: 10 })).items
    await until(async () => {
      const { client: near, connector: far } = (await sessions())[0]?.sides ?? {}
      return near?.state === 'closed' && far?.state === 'closed'
    })
    const [record] = await sessions()
    const { client: near, connector: far } = record!.sides
    for (const { startedMs, endedMs } of [record!, near!, far!]) {
      const lastedMs = endedMs! - startedMs
      assert.ok(lastedMs >= 0 && lastedMs < HOUR_MS / 2, `${lastedMs} ms`)
    }
    await stop()
    await until(() => lines.some(({ event }) => event === 'pipe.ended'))
    for (const { lastedMs } of lines.filter(({ event }) => event === 'pipe.ended')) {
      assert.ok(lastedMs! >= 0 && lastedMs! < HOUR_MS / 2, `${lastedMs} ms`)
    }
  })
}

async function openSiteWith(t: TestContext, said: (line: { event: string; lastedMs?: number }) => void) {
  const log = pino({ level: 'info' }, { write: (text: string) => said(JSON.parse(text)) })
  const site = await openClientSite({ log })
  t.after(() => site[Symbol.asyncDispose]())
  return site
}
