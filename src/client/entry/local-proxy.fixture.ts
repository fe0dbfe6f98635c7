/**
 * A local proxy whose sessions go through a real tunnel to applications on 127.0.0.1. Who may what, and who brings
 * tunnels, is stood in for: here everybody may everything.
 *
 * @module
 */
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { systemClock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { OPENED, TunnelPair } from '../../mux/pair.fixture.ts'
import type { MuxStream } from '../../mux/stream.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import { Bypass } from '../session/bypass.ts'
import { ClientTunnel } from '../session/client-tunnel.ts'
import { Decisions } from '../session/decisions.ts'
import { GrantCache } from '../session/grant-cache.ts'
import { LaneChooser } from '../session/lane-chooser.ts'
import { Opener, type OpenerDeps } from '../session/open-session.ts'
import { type SilentApps, watchOwnSessions } from '../session/silent-app.ts'
import { LocalProxy } from './local-proxy.ts'
import { LocalUsers } from './local-users.ts'

/** The name whose connections leave straight; every other one goes through the tunnel. */
export const STRAIGHT = 'localhost'

export interface ProxyFixture extends AsyncDisposable {
  readonly port: number
  readonly opener: Opener
  readonly users: LocalUsers
  readonly decisions: Decisions
  readonly tunnel: TunnelPair
  readonly silence: SilentApps
  /** How the connector saw each session end, oldest first. */
  readonly ends: StreamEnd[]
  /** A connection to the proxy. */
  dial(): net.Socket
}

export async function openProxy(
  options: { log?: Log; handshakeMs?: number; now?: () => number } = {},
): Promise<ProxyFixture> {
  const clock = systemClock
  const log = options.log ?? silentLog
  const ends: StreamEnd[] = []
  const pair = await TunnelPair.open({
    connector: {
      onOpen: (stream, { port, protocol }) => {
        void stream.ended.then((end) => ends.push(end))
        if (protocol === 'udp') return carryDatagrams(stream, port)
        const remote = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
        const refused = () => stream.reset('APP_REFUSED', `127.0.0.1:${port}`)
        remote.once('error', refused)
        remote.once('connect', () => {
          remote.off('error', refused)
          stream.accept(OPENED)
          stream.attach(remote)
        })
      },
    },
  })
  const facts = { connector: 'con_1', edge: 'e', pipe: 'p', ticketUs: 0, handoverUs: 0, innerTlsUs: 0 }
  const tunnel = new ClientTunnel(pair.client, { ...facts, wrapped: false }, clock)
  const grants = new GrantCache(clock)
  const decisions = new Decisions(log, clock)
  const silence = watchOwnSessions({ clock, log, now: options.now })
  const bypass = new Bypass(decisions)
  const lanes = new LaneChooser()
  lanes.set({ bypass: [{ pattern: STRAIGHT, rule: 'straight' }], claimed: [] })
  const deps = {
    permits: {
      ask: (to: Parameters<GrantCache['put']>[0]) => Promise.resolve({ fresh: false, grant: grant(to) }),
    },
    tunnels: { pick: () => (tunnel.usable ? tunnel : undefined), ready: () => Promise.resolve(tunnel) },
    reports: { opened: () => {}, closed: () => {} },
    silence,
  }
  const grant = (to: Parameters<GrantCache['put']>[0]) =>
    grants.put(
      to,
      {
        ...{
          type: 'granted',
          id: 'req_1',
          grant: 'jws',
          grantId: newId('grt'),
          session: newId('ses'),
          because: '',
        },
        ...{ segment: 'seg_1', segmentName: 'app', rule: 'rul_1', connector: 'con_1' },
        ...{ policyUs: 1, selectionUs: 1, covers: { hosts: [], cidrs: [], tcp: [], udp: [] } },
        expiresMs: clock.nowMs() + 600_000,
      },
      0,
    )
  const opener = new Opener({
    ...deps,
    grants,
    decisions,
    lanes,
    bypass,
    clock,
    log,
    looks: { notes: [] },
  } as unknown as OpenerDeps)
  const users = new LocalUsers()
  const proxy = await LocalProxy.open({
    places: [{ host: '127.0.0.1', port: 0 }],
    users,
    opener,
    log,
    covered: () => ({ hosts: [], cidrs: [] }),
    metrics: () => 'metrics\n',
    handshakeMs: options.handshakeMs,
  })
  const port = Number(proxy.address!.split(':')[1])
  return {
    port,
    opener,
    users,
    decisions,
    silence,
    tunnel: pair,
    ends,
    dial() {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
      socket.on('error', () => {})
      return socket
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      users[Symbol.dispose]()
      silence[Symbol.dispose]()
      await pair[Symbol.asyncDispose]()
    },
  }
}

/** As a connector does: the flow is open at once, and a refusal comes when it comes. */
function carryDatagrams(stream: MuxStream, port: number): void {
  const socket = dgram.createSocket('udp4')
  const early: Buffer[] = []
  stream.onDatagram = (datagram) => void early.push(datagram)
  socket.on('message', (datagram) => stream.sendDatagram(datagram))
  socket.on('error', (error: NodeJS.ErrnoException) =>
    stream.reset('APP_REFUSED', `127.0.0.1:${port}: ${error.code}`),
  )
  socket.connect(port, '127.0.0.1', () => {
    stream.accept(OPENED)
    stream.onDatagram = (datagram) => socket.send(datagram)
    for (const datagram of early) socket.send(datagram)
  })
  stream.ended.then(() => socket.close())
}

export interface RawApp extends AsyncDisposable {
  readonly port: number
  /** How many connections it has had. */
  readonly connections: number
}

/** An application that says what it likes. */
export async function serveRaw(talk: (socket: net.Socket) => void): Promise<RawApp> {
  const sockets = new Set<net.Socket>()
  let connections = 0
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    talk(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    get connections() {
      return connections
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** What a program sees of a connection: every byte, and how it ended. */
export interface Seen {
  readonly text: string
  readonly end: 'FIN' | 'RST'
}

/** Reads to the end. */
export async function seen(socket: net.Socket): Promise<Seen> {
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  const end = await new Promise<Seen['end']>((resolve) => {
    socket.once('end', () => resolve('FIN'))
    socket.once('error', () => resolve('RST'))
    socket.once('close', () => resolve('RST'))
  })
  socket.destroy()
  return { text, end }
}

/** Resolves once everything up to `text` has come. */
export async function heard(socket: net.Socket, text: string): Promise<void> {
  let all = ''
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onData = (chunk: Buffer) => {
    all += chunk.toString('latin1')
    if (all.includes(text)) resolve()
  }
  const onClose = () => reject(new Error(`closed after ${JSON.stringify(all)}`))
  socket.on('data', onData).once('close', onClose)
  if (socket.destroyed) onClose()
  try {
    await promise
  } finally {
    socket.off('data', onData).off('close', onClose)
  }
}
