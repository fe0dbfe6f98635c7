/**
 * Server-sent events to curl, by every entrance of the client, with a silence in the middle that is longer than
 * anything in Backstitch that comes round: heartbeats (5 s and 10 s), the canary and a status report (60 s and 30 s).
 * 90 seconds, not more: nothing in the path counts the age of a session, only its silence.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { setTimeout as at } from 'node:timers/promises'
import { needs } from '../needs.ts'
import { Place, show } from './place.ts'

/** When each event is sent, in seconds from the request. */
const SENT_AT_SECONDS = [0, 1, 2, 70, 88, 90]
/** Past the answer to a plain ping: an event that waits in a buffer would be later by far. */
const LATE_MS = 3000

describe('an event stream over the tunnel', { skip: needs('curl'), concurrency: true }, () => {
  let place: Place
  let port: number
  const server = http.createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const send = async (seconds: number, id: number) => {
      await at(seconds * 1000, undefined, { signal: gone.signal })
      response.write(`id: ${id}\ndata: ${Date.now()}\n\n`)
    }
    Promise.all(SENT_AT_SECONDS.map(send)).then(
      () => response.end(),
      () => {}, // the reader went away, which its side reports
    )
  })

  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    place = await Place.open({ forwards: { events: { to: { host: '127.0.0.1', port } } } })
  })
  after(async () => {
    await place?.[Symbol.asyncDispose]()
    server.close()
    server.closeAllConnections()
  })

  const ways: Record<string, () => { flags: string[]; port: number }> = {
    SOCKS5: () => ({ flags: ['--socks5-hostname', show(place.proxy)], port }),
    'HTTP CONNECT': () => ({ flags: ['--proxytunnel', '--proxy', show(place.proxy)], port }),
    'HTTP proxy requests': () => ({ flags: ['--proxy', show(place.proxy)], port }),
    'a forward': () => ({ flags: [], port: place.to('events').port }),
  }
  for (const [way, how] of Object.entries(ways)) {
    test(`by ${way}: every event arrives when it is sent, also after 68 silent seconds`, async () => {
      const { flags, port } = how()
      const quiet = ['-q', '-sS', '--no-buffer', '--fail', '--noproxy', '']
      const url = `http://127.0.0.1:${port}/`
      const curl = spawn('curl', [...quiet, ...flags, url], { stdio: ['ignore', 'pipe', 'inherit'] })
      const ended = once(curl, 'exit')
      const late: number[] = []
      const ids: number[] = []
      for await (const line of createInterface(curl.stdout)) {
        const [name, value] = line.split(': ')
        if (name === 'id') ids.push(Number(value))
        if (name === 'data') late.push(Date.now() - Number(value))
      }
      const [code] = await ended
      assert.equal(code, 0)
      assert.deepEqual(
        ids,
        SENT_AT_SECONDS.map((_, id) => id),
      )
      assert.ok(
        late.every((ms) => ms < LATE_MS),
        `late by ${late.join(' ')} ms`,
      )
    })
  }
})
