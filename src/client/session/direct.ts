/**
 * The internet lane: a connection from this device itself, without a tunnel, through the proxy of its network if it
 * has one.
 *
 * @module
 */
import type net from 'node:net'
import type { Duplex } from 'node:stream'
import { deadline, unlessAborted } from '../../base/deadline.ts'
import { asFault, Fault, type FaultCode } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { ignoreError } from '../../base/ignore-error.ts'
import { nameEnd } from '../../base/name-errno.ts'
import { PATIENCE_MS } from '../../base/patience.ts'
import { shortageFault, shortageOf } from '../../base/shortage.ts'
import { appFaultCode } from '../../link/dial/app-errno.ts'
import { type Egress, egressFor } from '../../link/dial/egress.ts'
import { connectThrough } from '../../link/dial/proxy-connect.ts'
import { RaceLost, raceConnect, resolveAddresses } from '../../link/dial/race-connect.ts'
import { stitch } from '../../link/pipe/stitch.ts'
import { NAME_THREADS, NamesBusy, NameTimeout, SystemNames } from '../../probe/system-names.ts'
import type { Destination } from '../address/destination.ts'

/** One for the process: what it bounds, threads, belongs to the process. */
const internetNames = new SystemNames({ threads: NAME_THREADS.others })

/** @throws {Fault} of the name or the host, or of the proxy between; the reason of `signal`. */
export async function dialDirect(to: Destination, egress: Egress, signal: AbortSignal): Promise<net.Socket> {
  const where = hostPort(to)
  const proxy = egressFor(egress, to)
  const first = proxy ?? to
  const name = proxy === undefined && to.absolute ? `${to.host}.` : first.host
  try {
    const addresses = await unlessAborted(resolveAddresses(name, internetNames), signal)
    using limit =
      proxy === undefined
        ? deadline(PATIENCE_MS.dial, 'APP_TIMEOUT', `${where}, directly from this device: no answer`, signal)
        : deadline(PATIENCE_MS.dial, 'PROXY_UNREACHABLE', `proxy ${hostPort(proxy)}: no answer`, signal)
    const socket = await raceConnect(addresses, first.port, limit)
    socket.on('error', ignoreError)
    if (proxy === undefined) return socket
    const what = `proxy ${hostPort(proxy)}: no answer to CONNECT ${where}`
    using answer = deadline(PATIENCE_MS.proxy, 'PROXY_UNREACHABLE', what, signal)
    return await connectThrough(socket, proxy, to, answer)
  } catch (error) {
    if (error instanceof Fault) throw error
    if (signal.aborted) throw asFault(signal.reason, 'CLIENT_STOPPED')
    if (error instanceof NamesBusy) {
      throw new Fault('LOOKUPS_BUSY', `${first.host}: ${error.message}`, { cause: error, hop: 'client' })
    }
    const errno = error instanceof RaceLost ? mostTelling(error) : errnoOf(error)
    const seen = { destination: where, errno, lane: 'internet' }
    const short = shortageFault(errno, `${where}, directly from this device`, {
      cause: error,
      hop: 'client',
      seen,
    })
    if (short !== undefined) throw short
    const silent = error instanceof NameTimeout ? 'APP_RESOLVER_DOWN' : directFaultCode(errno)
    const code = proxy === undefined ? silent : 'PROXY_UNREACHABLE'
    const hop = code === 'INTERNAL' ? 'client' : undefined
    throw new Fault(code, `${where}, directly from this device: ${errno}`, {
      cause: error,
      hop,
      seen,
    })
  }
}

/** Our own shortage says nothing of them; a refusal is somebody's word, silence is nobody's. */
function mostTelling({ attempts }: RaceLost): string {
  const own = attempts.find(({ address, errno }) => shortageOf(errno, address) !== undefined)
  // Where nothing is short, an EADDRNOTAVAIL is of an address family that this machine does not have.
  const rest = attempts.map(({ errno }) => errno).filter((errno) => errno !== 'EADDRNOTAVAIL')
  return own?.errno ?? rest[0] ?? (attempts.length > 0 ? 'ENETUNREACH' : 'EUNKNOWN')
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
}

/** What an errno of a connection from this device says of where it leads; or of this device. */
export function directFaultCode(errno: string): FaultCode {
  const isOurs = shortageOf(errno) !== undefined
  if (!isOurs && nameEnd(errno) === 'no-name') return 'APP_NAME_NXDOMAIN'
  if (!isOurs && errno.startsWith('EAI_'))
    return nameEnd(errno) === 'no-answer' ? 'APP_RESOLVER_DOWN' : 'INTERNAL'
  return appFaultCode(errno)
}

/** Joins a local program and where it wanted to go, until both have ended; how one ends, the other is told. */
export function join(local: Duplex, remote: net.Socket): void {
  void stitch(local, remote)
}
