/**
 * The internet lane: a connection from this device itself, without a tunnel, through the proxy of its network if it
 * has one.
 *
 * @module
 */
import type net from 'node:net'
import type { Duplex } from 'node:stream'
import { deadline, unlessAborted } from '../base/deadline.ts'
import { asFault, Fault, type FaultCode } from '../base/faults.ts'
import { type Egress, egressFor } from '../link/egress.ts'
import { connectThrough } from '../link/proxy-connect.ts'
import { RaceLost, raceConnect, resolveAddresses } from '../link/race-connect.ts'
import { type Destination, showDestination } from './destination.ts'
import { ignoreError } from './listen.ts'

const DIAL_MS = 10_000

/** @throws {Fault} of the name or the host, or of the proxy between; the reason of `signal`. */
export async function dialDirect(to: Destination, egress: Egress, signal: AbortSignal): Promise<net.Socket> {
  const where = showDestination(to)
  using limit = deadline(DIAL_MS, 'APP_TIMEOUT', `${where}, straight from this device: no answer`)
  const either = AbortSignal.any([signal, limit])
  const proxy = egressFor(egress, to.host)
  const first = proxy ?? to
  try {
    const addresses = await unlessAborted(resolveAddresses(first.host), either)
    const socket = await raceConnect(addresses, first.port, either)
    socket.on('error', ignoreError)
    return proxy === undefined ? socket : await connectThrough(socket, proxy, to, either)
  } catch (error) {
    if (error instanceof Fault) throw error
    if (signal.aborted) throw asFault(signal.reason, 'CLIENT_STOPPED')
    const errno = error instanceof RaceLost ? (error.attempts[0]?.errno ?? 'EUNKNOWN') : errnoOf(error)
    const code = proxy === undefined ? codeOf(errno) : 'PROXY_UNREACHABLE'
    throw new Fault(code, `${where}, straight from this device: ${errno}`, {
      cause: error,
      seen: { destination: where, errno, lane: 'internet' },
    })
  }
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
}

function codeOf(errno: string): FaultCode {
  switch (errno) {
    case 'ENOTFOUND':
      return 'APP_NAME_NXDOMAIN'
    case 'EAI_AGAIN':
      return 'APP_RESOLVER_DOWN'
    case 'ECONNREFUSED':
      return 'APP_REFUSED'
    case 'ETIMEDOUT':
      return 'APP_TIMEOUT'
    case 'ECONNRESET':
      return 'APP_RESET'
    default:
      return 'APP_UNREACHABLE'
  }
}

/** Joins two sockets: each direction ends by itself; when one of them breaks, so does the other. */
export function join(local: Duplex, remote: Duplex): void {
  for (const [one, other] of [
    [local, remote],
    [remote, local],
  ] as const) {
    one.on('error', ignoreError)
    one.once('close', () => {
      if (!one.readableEnded || !one.writableFinished) other.destroy()
    })
    one.pipe(other)
  }
}
