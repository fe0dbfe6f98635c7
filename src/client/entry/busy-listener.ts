/**
 * What makes a local TCP listener cheap when programs come in numbers. Linux only; elsewhere it works without.
 *
 * Node accepts one connection for each descriptor and turn of the event loop, so that 32 programs that wait cost 32
 * turns. Here the listening socket gets more descriptors, and each is a server of its own to Node. It stays one socket:
 * nobody else can listen at its port, which is what several sockets at one port (SO_REUSEPORT) would let any program
 * of the same user do.
 *
 * @module
 */
import net from 'node:net'
import { BACKLOG } from '../../base/backlog.ts'
import { duplicates } from '../../base/duplicates.ts'
import { ignoreError } from '../../base/ignore-error.ts'

/** On top of the first. Each is woken for every connection, and most find none while few come. */
const MORE_DESCRIPTORS = 3

interface ListeningHandle {
  readonly fd: number
  setNoDelay(on: boolean): number
  setKeepAlive(on: boolean, delaySeconds: number): number
}

interface Listening extends net.Server {
  readonly _handle: ListeningHandle | null
  noDelay: boolean
  keepAlive: boolean
  /** In seconds. */
  readonly keepAliveInitialDelay: number
}

const moreOf = new WeakMap<net.Server, net.Server[]>()

/** @param server Listens at a port. @param options What it was made with. */
export function makeReady(server: net.Server, options: net.ServerOpts): void {
  if (process.platform !== 'linux') return
  inheritOptions(server as Listening)
  void addDescriptors(server as Listening, options)
}

/** The servers that accept for this one, it among them. */
export function acceptorsOf(server: net.Server): readonly net.Server[] {
  return [server, ...(moreOf.get(server) ?? [])]
}

/** An accepted socket has what the listening one has: five system calls less for each. */
function inheritOptions(server: Listening): void {
  const { _handle: handle, keepAliveInitialDelay } = server
  if (handle === null || handle.setNoDelay(true) !== 0) return
  server.noDelay = false
  if (handle.setKeepAlive(true, keepAliveInitialDelay) === 0) server.keepAlive = false
}

async function addDescriptors(server: Listening, options: net.ServerOpts): Promise<void> {
  const handle = server._handle
  if (handle === null) return
  const copies = await duplicates(handle.fd, MORE_DESCRIPTORS)
  // Closed meanwhile, the number may have been that of another socket.
  const isSame = server._handle === handle
  const { noDelay, keepAlive } = server
  const more = copies.map((fd) => {
    const one = net.createServer({ ...options, noDelay, keepAlive })
    one.on('connection', (socket) => server.emit('connection', socket)).on('error', ignoreError)
    return one.listen({ fd, backlog: BACKLOG })
  })
  if (isSame) moreOf.set(server, more)
  else for (const one of more) one.close()
}
