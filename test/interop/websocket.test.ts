/** A WebSocket to websocketd behind nginx with TLS, as such applications are set up. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import type { Address } from '../../bench/children.ts'
import { needs } from '../needs.ts'
import { makeCertificate, serveNginx } from './nginx.ts'
import { freeAddress, Place, show } from './place.ts'

/** Around the borders where the length field of a WebSocket frame changes its form, and past a tunnel frame. */
const SIZES = [1, 125, 126, 127, 16_376, 65_535, 65_536, 1_000_000]
const DEADLINE_MS = 30_000

describe('a WebSocket over the tunnel', { skip: needs('nginx', 'openssl', 'websocketd') }, () => {
  let place: Place
  let http: Address
  let ca: Buffer

  before(async () => {
    const [https, echo] = [await freeAddress(), await freeAddress()]
    http = await freeAddress()
    place = await Place.open({ forwards: { https: { to: https } } })
    // Whatever a message says comes back as a message.
    const listen = [`--address=${echo.host}`, `--port=${echo.port}`]
    await place.serve('websocketd', ['websocketd', '--loglevel=error', ...listen, 'cat'], echo)
    const tls = await makeCertificate(place)
    ca = await readFile(tls.certificate)
    const server = `location / { proxy_pass http://${show(echo)}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection Upgrade; }`
    await serveNginx(place, { server, at: { http, https }, tls })
  })
  after(() => place?.[Symbol.asyncDispose]())

  /** A browser would show the same: a certificate of the application, for the name that was asked for. */
  const connect = async (): Promise<WebSocket> => {
    const socket = new WebSocket(`wss://localhost:${place.to('https').port}/`, { ca })
    await once(socket, 'open', { signal: AbortSignal.timeout(DEADLINE_MS) })
    return socket
  }

  test('messages of every size come back whole', async () => {
    const socket = await connect()
    // One at a time: websocketd stalls now and then when several wait for one child, also without any tunnel.
    for (const [index, size] of SIZES.entries()) {
      const message = `${index}`.repeat(size)
      socket.send(message)
      const [back] = await once(socket, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) })
      assert.equal(back.length, size)
      assert.ok(back.toString() === message)
    }
    socket.terminate()
  })

  test('question and answer, a thousand times; ping and pong', async () => {
    const socket = await connect()
    for (let turn = 0; turn < 1000; turn++) {
      socket.send(`turn ${turn}`)
      const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) })
      assert.equal(answer.toString(), `turn ${turn}`)
    }
    socket.ping('are you there')
    const [pong] = await once(socket, 'pong', { signal: AbortSignal.timeout(DEADLINE_MS) })
    assert.equal(pong.toString(), 'are you there')
    socket.terminate()
  })

  test('a close is told with its code, and the application sees it end', async () => {
    const socket = await connect()
    socket.close(1000, 'done here')
    const [code] = await once(socket, 'close', { signal: AbortSignal.timeout(DEADLINE_MS) })
    assert.equal(code, 1000)
  })
})
