import { once } from 'node:events'
import type net from 'node:net'
import { Fault } from '../base/faults.ts'
import { portHolder } from '../probe/port-holder.ts'
import { type ListenAddress, showAddress } from './listen-address.ts'

/**
 * What every local TCP listener of the client is made with: bytes wait in the kernel until a session reads them,
 * each direction ends by itself, and nothing is held back to fill a segment.
 */
export const ACCEPT: net.ServerOpts = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true }

/** A local socket that breaks is dealt with where its close is seen; its error needs only to be heard. */
export function ignoreError(): void {}

/** @returns The address bound. @throws {Fault} LISTEN_FAILED naming address and errno. */
export async function listen(server: net.Server, at: ListenAddress): Promise<ListenAddress> {
  try {
    server.listen(at.port, at.host)
    await once(server, 'listening')
  } catch (error) {
    throw listenFailed(at, error, portHolder(at.port))
  }
  const { address, port } = server.address() as net.AddressInfo
  return { host: address, port }
}

/** @param holder The process that has the port, if that is why. */
export function listenFailed(at: ListenAddress, error: unknown, holder?: string): Fault {
  const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
  const address = showAddress(at.host, at.port)
  const heldBy = errno === 'EADDRINUSE' ? holder : undefined
  const detail = heldBy === undefined ? errno : `${errno}, held by ${heldBy}`
  return new Fault('LISTEN_FAILED', `${address}: ${detail}`, {
    cause: error,
    seen: { address, errno, ...(heldBy && { heldBy }) },
  })
}

/** Stops listening; sessions that came through it are ended by their streams. */
export async function closeServer(server: net.Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  await closed
}
