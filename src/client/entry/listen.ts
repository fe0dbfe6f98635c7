import { once } from 'node:events'
import { lstat } from 'node:fs/promises'
import net from 'node:net'
import { BACKLOG } from '../../base/backlog.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { ignoreError } from '../../base/ignore-error.ts'
import { KEEP_ALIVE } from '../../base/keep-alive.ts'
import { listenUnix, socketPath } from '../../base/listen-unix.ts'
import { refuseStrangers } from '../../base/strangers.ts'
import { portHolder, unixSocketHolder } from '../../probe/port-holder.ts'
import { type ListenAddress, type ListenPlace, showPlace } from '../address/listen-address.ts'
import { acceptorsOf, makeReady } from './busy-listener.ts'

/**
 * What every local TCP listener of the client is made with: bytes wait in the kernel until a session reads them,
 * each direction ends by itself, nothing is held back to fill a segment, and a host that has vanished is noticed.
 */
export const ACCEPT: net.ServerOpts = {
  pauseOnConnect: true,
  allowHalfOpen: true,
  noDelay: true,
  ...KEEP_ALIVE,
}

/** @returns The place bound. @throws {Fault} LISTEN_FAILED naming address and errno. */
export async function listenAt(server: net.Server, place: ListenPlace): Promise<ListenPlace> {
  if (!('file' in place)) return listenPort(server, place)
  await listenFile(server, place.file)
  return place
}

/** @returns The address bound. @throws {Fault} LISTEN_FAILED naming address and errno. */
async function listenPort(server: net.Server, at: ListenAddress): Promise<ListenAddress> {
  try {
    server.listen({ host: at.host, port: at.port, backlog: BACKLOG })
    await once(server, 'listening')
  } catch (error) {
    throw listenFailed(at, error, portHolder(at.port))
  }
  makeReady(server, ACCEPT)
  server.on('error', ignoreError) // of an accept, out of descriptors: the watch over them says it
  const { address, port } = server.address() as net.AddressInfo
  return { host: address, port }
}

/**
 * At a place that a person named: over what a crash left there, and over nothing else. Where somebody else could put a
 * socket of theirs in its place, programs would talk to them.
 */
async function listenFile(server: net.Server, file: string): Promise<void> {
  await refuseStrangers(file, { code: 'LISTEN_FAILED', hop: 'client' })
  const taken = await whatIsAt(file)
  if (taken !== undefined) throw listenFailed({ file }, { code: taken }, fileHolder(file))
  try {
    await listenUnix(server, file)
  } catch (cause) {
    const { detail, seen } = asFault(cause)
    throw new Fault('LISTEN_FAILED', detail, { cause, seen })
  }
}

/** @returns EEXIST for what is no socket, EADDRINUSE for one where somebody listens. */
async function whatIsAt(file: string): Promise<'EEXIST' | 'EADDRINUSE' | undefined> {
  const found = await lstat(file).catch(() => undefined)
  if (found === undefined) return undefined
  if (!found.isSocket()) return 'EEXIST'
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = net.connect(socketPath(file))
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  const listens = await promise
  socket.destroy()
  return listens ? 'EADDRINUSE' : undefined
}

function fileHolder(file: string): string | undefined {
  const pid = unixSocketHolder(file)
  return pid === undefined ? undefined : `process ${pid}`
}

/** @param holder The process that has the port, if that is why. */
export function listenFailed(at: ListenPlace, error: unknown, holder?: string): Fault {
  const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
  const address = showPlace(at)
  const heldBy = errno === 'EADDRINUSE' ? holder : undefined
  const detail = heldBy === undefined ? errno : `${errno}, held by ${heldBy}`
  return new Fault('LISTEN_FAILED', `${address}: ${detail}`, {
    cause: error,
    seen: { address, errno, ...(heldBy && { heldBy }) },
  })
}

/** Stops listening; sessions that came through it are ended by their streams. */
export async function closeServer(server: net.Server): Promise<void> {
  const listening = acceptorsOf(server).filter((one) => one.listening)
  const closed = listening.map((one) => once(one, 'close'))
  for (const one of listening) one.close()
  await Promise.all(closed)
}
