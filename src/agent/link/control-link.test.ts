import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { pino } from 'pino'
import { Fault } from '../../base/faults.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { PROGRAM } from '../../base/version.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import { DIRECT } from '../../link/dial/egress.ts'
import { TestTenant } from '../../link/dial/tenant.fixture.ts'
import type { HelloMessage } from '../../wire/control.ts'
import { PROTOCOL_VERSION } from '../../wire/control.ts'
import { ALPN_CONTROL } from '../../wire/handover.ts'
import { ControlLink, onlyEdge } from './control-link.ts'

const hello = (): HelloMessage => ({
  ...{ type: 'hello', version: PROTOCOL_VERSION, program: PROGRAM, role: 'connector' },
  ...{ timeMs: 0, host: 'h' },
})

test('an agent that is told when to come again does not come before', async () => {
  const tenant = await TestTenant.create()
  const control = await tenant.credentials('control', 'ctl_1', { names: ['127.0.0.1'] })
  const connector = await tenant.credentials('connector', 'con_1')
  const stop = new AbortController()
  const atMs: number[] = []
  const body = JSON.stringify(
    faultToMessage(new Fault('RATE_LIMITED', 'too often', { seen: { retryAfterS: 0.2 } })),
  )
  const server = tls.createServer(
    { key: control.keyPem, cert: control.certificate, ALPNProtocols: [ALPN_CONTROL], minVersion: 'TLSv1.3' },
    (socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        atMs.push(performance.now())
        const head = `HTTP/1.1 429 Refused\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
        socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`)
      })
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const codes: string[] = []
  const link = new ControlLink({
    way: onlyEdge({ host: '127.0.0.1', port }),
    ...{ egress: DIRECT, log: silentLog, self: { credentials: () => connector, hello } },
    on: {
      down({ code }) {
        if (codes.push(code) === 3) stop.abort()
      },
    },
    backoff: { baseMs: 1, random: () => 0 },
  })
  await link.serve(stop.signal)
  server.close()
  assert.deepEqual(codes, ['RATE_LIMITED', 'RATE_LIMITED', 'RATE_LIMITED'])
  for (const n of [1, 2]) assert.ok(atMs[n]! - atMs[n - 1]! >= 195, `${atMs[n]! - atMs[n - 1]!} ms`)
})

test('where two edges are away the pauses grow, and the log says each fault once', async () => {
  const held = net.createServer().listen(0, '127.0.0.1')
  await once(held, 'listening')
  const { port } = held.address() as net.AddressInfo
  await new Promise((resolve) => held.close(resolve))
  const stop = new AbortController()
  const lines: { level: number; event: string }[] = []
  const log = pino({ level: 'debug' }, { write: (text: string) => void lines.push(JSON.parse(text)) }) as Log
  const connector = await (await TestTenant.create()).credentials('connector', 'con_1')
  const attempts: number[] = []
  let dials = 0
  const link = new ControlLink({
    way: {
      next: () => ({ host: `127.0.0.${1 + (dials++ % 2)}`, port }),
      // As EdgeRoute says at every first of two edges.
      failed: () => dials % 2 === 1,
      patienceMs: undefined,
      secondPort() {},
    },
    egress: DIRECT,
    log,
    self: { credentials: () => connector, hello },
    on: {
      down: () => {
        assert.ok(getEventListeners(stop.signal, 'abort').length <= 1, 'an attempt leaves nothing behind')
        const { state } = link
        assert.equal(state.is, 'waiting')
        if (state.is === 'waiting') attempts.push(state.attempt)
        if (attempts.length === 8) stop.abort()
      },
    },
    backoff: { baseMs: 1, random: () => 0 },
  })
  await link.serve(stop.signal)
  assert.deepEqual(attempts, [1, 2, 3, 4, 5, 6, 7, 8], 'another edge to try sets nothing back')
  const down = lines.filter(({ event }) => event === 'control.down')
  assert.equal(down.length, 8)
  assert.equal(down.filter(({ level }) => level >= 40).length, 2, 'one line for each edge')
})
