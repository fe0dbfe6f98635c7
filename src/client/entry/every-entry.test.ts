import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { type ControlCall, controlAnswer, readLine, writeLine } from './control-line.ts'
import { ControlSocket } from './control-socket.ts'
import { type Inside, RefusedEntry, testEntry, type WayIn } from './every-entry.fixture.ts'
import { openForward } from './forward-listener.ts'
import { type ProxyFixture, STRAIGHT } from './local-proxy.fixture.ts'

const NAME = 'app.test'
const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-entries-'))
/** Disposed, a forward cuts what goes through it. */
const open = new AsyncDisposableStack()
open.defer(() => rm(dir, { recursive: true }))
after(() => open.disposeAsync())
let files = 0

/** Disposes it once: when it is called, or at the end. */
function disposer(owned: AsyncDisposable): () => Promise<void> {
  const one = new AsyncDisposableStack()
  one.use(owned)
  open.use(one)
  return () => one.disposeAsync()
}

async function joined(socket: net.Socket): Promise<net.Socket> {
  await once(socket, 'connect')
  return socket.on('error', () => {}) as net.Socket
}

async function take(socket: net.Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const part = socket.read(bytes) as Buffer | null
    if (part !== null) return part
    await once(socket, 'readable')
  }
}

/** The reply has a number of its own for each kind of fault; the code is in what the client remembers. */
async function socks5(proxy: ProxyFixture, host: string, port: number): Promise<Inside> {
  const socket = await joined(proxy.dial())
  socket.write(Buffer.from([5, 1, 0]))
  await take(socket, 2)
  socket.write(Buffer.from([5, 1, 0, 3, host.length, ...Buffer.from(host), port >> 8, port & 255]))
  const [, reply] = await take(socket, 10)
  if (reply !== 0) throw new RefusedEntry(lastCode(proxy))
  return { socket }
}

async function connect(proxy: ProxyFixture, host: string, port: number): Promise<Inside> {
  const socket = await joined(proxy.dial())
  socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`)
  let head = ''
  while (!head.includes('\r\n\r\n')) head += (await take(socket, 1)).toString('latin1')
  if (!head.startsWith('HTTP/1.1 200'))
    throw new RefusedEntry(/^HTTP\/1\.1 502 (\w+) at/.exec(head)?.[1] ?? head)
  return { socket }
}

/** A program that comes through a forward hears nothing but the end; whoever opened the forward hears why. */
function forward(place: () => Parameters<typeof openForward>[0]['local']) {
  return async ({ opener, users }: ProxyFixture, host: string, port: number): Promise<Inside> => {
    const told: string[] = []
    const trouble = ({ code }: { code: string }) => void told.push(code)
    const local = place()
    const forward = await openForward({ protocol: 'tcp', local, host, port }, { opener, users, trouble })
    const at = 'file' in local ? { path: local.file } : { port: Number(forward.local.split(':')[1]) }
    const socket = await joined(net.connect({ ...at, allowHalfOpen: true }))
    const leave = disposer(forward)
    return {
      socket,
      leave,
      refusal: () => told[0],
      // A Unix socket ends in one way only.
      ...('file' in local ? { brokenOff: async () => told.length > 0 } : {}),
    }
  }
}

/** What `client connect` does where a client runs. */
async function stdio({ opener, users }: ProxyFixture, host: string, port: number): Promise<Inside> {
  const file = path.join(dir, `${++files}.sock`)
  const looks = { look: async () => ({ well: true }) }
  const control = await ControlSocket.open({ file, opener, users, looks, reload: async () => {} })
  const leave = disposer(control)
  const call = async (line: ControlCall) => {
    const socket = await joined(net.connect({ path: file, allowHalfOpen: true }))
    socket.write(writeLine(line))
    return { socket, answer: await readLine(socket, controlAnswer) }
  }
  const { socket, answer } = await call({ op: 'connect', host, port })
  if (!answer.ok) throw new RefusedEntry(answer.fault.code)
  const { session = '' } = answer
  return {
    socket,
    leave,
    async end(bytes) {
      socket.write(bytes)
      ;(await call({ op: 'input-over', session })).socket.destroy()
      socket.end()
    },
    async brokenOff() {
      const { socket: asking, answer: ended } = await call({ op: 'ended', session })
      asking.destroy()
      return !ended.ok
    },
  }
}

function lastCode({ decisions }: ProxyFixture): string {
  return decisions.latest[0]?.code ?? 'none'
}

const KINDS: readonly WayIn[] = [
  { name: 'SOCKS5', host: NAME, enter: socks5 },
  { name: 'CONNECT', host: NAME, enter: connect },
  { name: 'forward', host: NAME, enter: forward(() => ({ host: '127.0.0.1', port: 0 })) },
  {
    name: 'forward of a Unix socket',
    host: NAME,
    enter: forward(() => ({ file: path.join(dir, `${++files}`) })),
  },
  { name: 'stdio', host: NAME, enter: stdio },
  { name: 'SOCKS5 straight out', host: STRAIGHT, enter: socks5 },
  { name: 'CONNECT straight out', host: STRAIGHT, enter: connect },
]
for (const kind of KINDS) testEntry(kind)
