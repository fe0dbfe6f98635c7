import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import type { AgentMessage } from '../wire/control.ts'
import { ControlSocket } from './entry/control-socket.ts'
import { openForward } from './entry/forward-listener.ts'
import { heard, openProxy, type ProxyFixture, STRAIGHT, serveRaw } from './entry/local-proxy.fixture.ts'
import { writeDatagramHeader } from './entry/socks5-wire.ts'
import { GrantCache } from './session/grant-cache.ts'
import type { OpeningEntry } from './session/lane-chooser.ts'
import { Tracer } from './trace/tracer.ts'

const HELLO = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'

/** Asks by one entry for STRAIGHT at `port`; done when it was answered. The type wants a row for each entry there is. */
const ASK: { readonly [entry in OpeningEntry]: (proxy: ProxyFixture, port: number) => Promise<void> } = {
  async socks5(proxy, port) {
    const socket = proxy.dial()
    socket.write(Buffer.from([5, 1, 0]))
    socket.write(
      Buffer.concat([Buffer.from([5, 1, 0, 3, STRAIGHT.length]), Buffer.from(STRAIGHT), u16(port)]),
    )
    await heard(socket, 'hello')
    socket.destroy()
  },
  async 'http-connect'(proxy, port) {
    const socket = proxy.dial()
    socket.write(`CONNECT ${STRAIGHT}:${port} HTTP/1.1\r\nHost: ${STRAIGHT}:${port}\r\n\r\n`)
    await heard(socket, 'hello')
    socket.destroy()
  },
  async http(proxy, port) {
    const socket = proxy.dial()
    socket.write(`GET http://${STRAIGHT}:${port}/ HTTP/1.1\r\nHost: ${STRAIGHT}:${port}\r\n\r\n`)
    await heard(socket, 'hello')
    socket.destroy()
  },
  async forward(proxy, port) {
    const local = { host: '127.0.0.1', port: 0 }
    await using forward = await openForward({ protocol: 'tcp', local, host: STRAIGHT, port }, proxy)
    const socket = net.connect(Number(forward.local.split(':')[1]), '127.0.0.1')
    await heard(socket, 'hello')
    socket.destroy()
  },
  async stdio(proxy, port) {
    const directory = await mkdtemp(path.join(tmpdir(), 'lanes-'))
    const file = path.join(directory, 'control.sock')
    {
      const looks = { look: async () => ({ well: true }) }
      await using _ = await ControlSocket.open({ ...proxy, file, looks, reload: async () => {} })
      const socket = net.connect(file)
      socket.write(`${JSON.stringify({ op: 'connect', host: STRAIGHT, port })}\n`)
      await heard(socket, 'hello')
      socket.destroy()
    }
    await rm(directory, { recursive: true })
  },
  async 'forward-udp'(proxy, port) {
    const local = { host: '127.0.0.1', port: 0 }
    await using forward = await openForward({ protocol: 'udp', local, host: STRAIGHT, port }, proxy)
    await askUdp(Number(forward.local.split(':')[1]), Buffer.from('hello'))
  },
  async 'socks5-udp'(proxy, port) {
    const socket = proxy.dial()
    socket.write(Buffer.from([5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0]))
    let reply = Buffer.alloc(0)
    while (reply.length < 12) reply = Buffer.concat([reply, ...(await once(socket, 'data'))])
    const header = writeDatagramHeader({ host: STRAIGHT, port })
    await askUdp(reply.readUInt16BE(10), Buffer.concat([header, Buffer.from('hello')]))
    socket.destroy()
  },
  async trace({ opener }, port) {
    const told: AgentMessage[] = []
    const send = (message: AgentMessage) => told.push(message)
    const grants = new GrantCache(systemClock)
    const tracer = new Tracer({ opener, grants, send, clock: systemClock, log: silentLog })
    await tracer.run({ type: 'trace', id: 'trc_1', host: STRAIGHT, port, protocol: 'tcp' })
    assert.match(JSON.stringify(told), /internet rule straight matches localhost/)
  },
}

for (const [entry, ask] of Object.entries(ASK) as [OpeningEntry, (typeof ASK)[OpeningEntry]][]) {
  test(`${entry}: the lane of each connection is chosen in the one place for it, and once`, async () => {
    await using proxy = await openProxy()
    const chosen: string[] = []
    const { lanes } = proxy.opener
    const { choose } = lanes
    lanes.choose = (to, by) => {
      chosen.push(`${by} to ${to.host}`)
      return choose.call(lanes, to, by) as ReturnType<typeof choose<typeof by>>
    }
    await using app = await serveRaw((socket) => socket.write(HELLO))
    const echo = dgram.createSocket('udp4').bind(app.port, '127.0.0.1')
    await once(echo, 'listening')
    echo.on('message', (datagram, { port }) => echo.send(datagram, port, '127.0.0.1'))
    await ask(proxy, app.port)
    echo.close()
    assert.deepEqual(chosen, [`${entry} to ${STRAIGHT}`])
  })
}

async function askUdp(port: number, datagram: Buffer): Promise<void> {
  const socket = dgram.createSocket('udp4')
  socket.send(datagram, port, '127.0.0.1')
  await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })
  socket.close()
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
