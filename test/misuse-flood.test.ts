import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import tls from 'node:tls'
import { WebSocket } from 'ws'
import { descendants } from '../bench/usage.ts'
import { CONTROL_PATH } from '../src/link/control/control-dial.ts'
import type { Credentials } from '../src/link/dial/credentials.ts'
import { contextOf } from '../src/link/dial/tls-context.ts'
import { startTls } from '../src/link/dial/tls-session.ts'
import { parseProvisioningKey } from '../src/pki/provisioning-key.ts'
import { ALPN_CONTROL } from '../src/wire/handover.ts'
import { Installation, PASSWORD, USER } from './installation.ts'
import { type Place, RogueAgent, signInDevice } from './misuse-agent.ts'

const MB = 1_000_000
/** Fewer than an edge lets one address have unfinished, so that each is heard. */
const AT_ONCE = 200

/** A server in a process of its own, whose memory can be told from that of the flood. */
async function openServer(t: TestContext) {
  const dir = mkdtempSync(path.join(tmpdir(), 'backstitch-flood-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const installation = await Installation.start({ dir, reach: { domains: ['localhost'], tcp: ['22'] } })
  t.after(() => installation[Symbol.asyncDispose]())
  const { pin } = parseProvisioningKey(
    (await installation.command('key', 'create', '--group', 'here')).trim(),
  )
  const place: Place = { edge: installation.edge, pin }
  const pids = [installation.server.pid, ...descendants(installation.server.pid)]
  const kb = (what: string) =>
    Math.max(
      ...pids.map((pid) =>
        Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]),
      ),
    )
  return { place, rssBytes: () => kb('VmRSS') * 1024, peakBytes: () => kb('VmHWM') * 1024 }
}

/** Sends `head`, then up to `bytes` of body, until the server has had enough. @returns What it said. */
async function post(
  place: Place,
  alpn: string,
  head: string,
  body: (socket: tls.TLSSocket) => void,
): Promise<string> {
  const socket = tls.connect({ ...place.edge, ALPNProtocols: [alpn], rejectUnauthorized: false })
  let said = ''
  socket.on('data', (chunk) => {
    said += chunk
    socket.destroy()
  })
  socket.on('error', () => {})
  socket.once('secureConnect', () => {
    socket.write(head)
    body(socket)
  })
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return said.split('\r\n')[0] ?? ''
}

const CHUNK = Buffer.concat([Buffer.from('4000\r\n'), Buffer.alloc(0x4000, 0x20), Buffer.from('\r\n')])
function chunks(socket: tls.TLSSocket): void {
  let left = MB / 0x4000
  const more = () => {
    while (left-- > 0 && !socket.destroyed) if (!socket.write(CHUNK)) return
  }
  socket.on('drain', more)
  more()
}
function sized(socket: tls.TLSSocket): void {
  socket.write(Buffer.alloc(MB, 0x20))
}

const TARGETS: { name: string; alpn: string; path: string; status: RegExp }[] = [
  { name: 'enrolment', alpn: ALPN_CONTROL, path: '/enrol', status: /^HTTP\/1\.1 413 / },
  { name: 'sign-in', alpn: ALPN_CONTROL, path: '/login', status: /^HTTP\/1\.1 413 / },
  { name: 'API', alpn: 'http/1.1', path: '/api/v1/apply', status: /^HTTP\/1\.1 401 / },
]

test('1 000 bodies of 1 MB from strangers are refused, and the server does not grow by them', async (t) => {
  const { place, rssBytes, peakBytes } = await openServer(t)
  const head = (target: string, more: string) =>
    `POST ${target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${more}\r\n\r\n`
  const before = rssBytes()
  let asked = 0
  for (let round = 0; round < 1000 / AT_ONCE; round++) {
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, n) => {
        const target = TARGETS[n % TARGETS.length]!
        const isChunked = n % 2 === 0
        const more = isChunked ? 'transfer-encoding: chunked' : `content-length: ${MB}`
        const answer = await post(place, target.alpn, head(target.path, more), isChunked ? chunks : sized)
        return { target, answer }
      }),
    )
    for (const { target, answer } of answers) {
      asked++
      // A refusal whose connection is reset while the body still comes may not be read.
      if (answer !== '') assert.match(answer, target.status, target.name)
    }
    assert.ok(answers.filter(({ answer }) => answer !== '').length > AT_ONCE / 4, 'refusals are told')
  }
  assert.equal(asked, 1000)
  const grownBytes = peakBytes() - before
  t.diagnostic(`${Math.round(grownBytes / MB)} MB more at the peak`)
  assert.ok(grownBytes < 200 * MB, `${Math.round(grownBytes / MB)} MB more at the peak, of 1 000 MB sent`)
})

/** A WebSocket with the credentials of an agent, and none of its manners. */
async function rawControl(place: Place, credentials: Credentials): Promise<WebSocket> {
  const tcp = net.connect(place.edge)
  await once(tcp, 'connect')
  const signal = AbortSignal.timeout(10_000)
  const socket = await startTls(tcp, { context: contextOf(credentials), alpn: ALPN_CONTROL, signal })
  const raw = new WebSocket(`ws://localhost${CONTROL_PATH}`, { createConnection: () => socket })
  raw.on('error', () => {})
  await once(raw, 'open')
  const hello = { type: 'hello', version: 1, program: 'p', role: 'client', timeMs: Date.now(), host: 'rude' }
  raw.send(JSON.stringify(hello))
  await once(raw, 'message')
  return raw
}

const FLOOD_MS = 4000
/** Half of what a device may ask at once: a fast server answers thousands meanwhile. */
const OTHERS_ASKED = 512

test('a WebSocket flood of one device costs the server a bounded memory, and others are answered', async (t) => {
  const { place, rssBytes, peakBytes } = await openServer(t)
  const who = { user: USER, password: PASSWORD }
  const flooder = await rawControl(place, await signInDevice(place, who))
  t.after(() => flooder.terminate())
  await using victim = await RogueAgent.connect(place, await signInDevice(place, who))
  const before = rssBytes()
  const ask = (id: string) =>
    ({
      ...({ type: 'authorize', id, port: 22, protocol: 'tcp' } as const),
      ...{ host: `${'x'.repeat(60)}.${'y'.repeat(60)}.test`, wantPipe: false },
    }) as const
  const message = JSON.stringify(ask('req_flood'))
  let sent = 0
  let answered = 0
  const endMs = performance.now() + FLOOD_MS
  while (performance.now() < endMs) {
    while (flooder.bufferedAmount < MB) {
      flooder.send(message)
      if (sent++ % 100 === 0) flooder.ping()
    }
    if (answered === OTHERS_ASKED) {
      await setImmediate()
      continue
    }
    await assert.rejects(victim.channel.request(ask(`req_${answered++}`), 5000), {
      code: 'CLIENT_NOT_COVERED',
    })
  }
  assert.ok(answered > 10, `${answered} answers in ${FLOOD_MS} ms`)
  const grownBytes = peakBytes() - before
  t.diagnostic(
    `${sent} sent, ${answered} others answered, ${Math.round(grownBytes / MB)} MB more at the peak`,
  )
  assert.ok(grownBytes < 100 * MB, `${Math.round(grownBytes / MB)} MB more, ${sent} sent`)
})

test('2 000 handshakes that stall, of every kind, keep nobody out who comes from elsewhere', async (t) => {
  const { place, rssBytes, peakBytes } = await openServer(t)
  const before = rssBytes()
  const hello = await clientHello()
  const OPENINGS = [Buffer.alloc(0), hello.subarray(0, 1), hello.subarray(0, 40), hello]
  const stalled: net.Socket[] = []
  t.after(() => {
    for (const socket of stalled) socket.destroy()
  })
  await Promise.all(
    Array.from({ length: 2000 }, async (_, n) => {
      const socket = net.connect({ ...place.edge, localAddress: '127.0.0.66' })
      stalled.push(socket)
      socket.on('error', () => {})
      await new Promise<void>((resolve) => {
        socket.once('connect', resolve)
        socket.once('close', () => resolve())
      })
      const opening = OPENINGS[n % OPENINGS.length]!
      if (opening.length > 0) socket.write(opening)
    }),
  )
  const startedMs = performance.now()
  const device = await signInDevice(place, { user: USER, password: PASSWORD })
  await using client = await RogueAgent.connect(place, device)
  assert.equal(client.channel.isOpen, true)
  const waitedMs = performance.now() - startedMs
  assert.ok(waitedMs < 5000, `${waitedMs} ms`)
  assert.ok(peakBytes() - before < 100 * MB)
})

/** What a real client sends first. */
async function clientHello(): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const client = tls.connect({ host: '127.0.0.1', port, ALPNProtocols: [ALPN_CONTROL] })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  server.close()
  return bytes
}
