import type net from 'node:net'
import { deadline, unlessAborted } from '../../base/deadline.ts'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { nameEnd } from '../../base/name-errno.ts'
import { ownHop } from '../../base/own-hop.ts'
import { PATIENCE_MS } from '../../base/patience.ts'
import { shortageFault, shortageOf } from '../../base/shortage.ts'
import { NAME_THREADS, NamesBusy, SystemNames } from '../../probe/system-names.ts'
import { type FailedAttempt, interleave } from './address-race.ts'
import type { EdgeAddress } from './credentials.ts'
import { dialLocal } from './dial-local.ts'
import { type Egress, egressFor } from './egress.ts'
import { connectThrough } from './proxy-connect.ts'
import { RaceLost, raceConnect, resolveAddresses } from './race-connect.ts'

/** Of edges and of proxies to them. One for the process: what it bounds, threads, belongs to the process. */
const edgeNames = new SystemNames({ threads: NAME_THREADS.edges })

/** How far an attempt has come, for a bring-up that shows its stages. */
export type DialStep = 'dialling' | 'resolved' | 'connected' | 'secured'

export interface DialOptions {
  readonly egress: Egress
  readonly signal: AbortSignal
  /** For the connection, once the name is resolved. */
  readonly timeoutMs?: number
  /** For the name; undefined: longer than libc waits for a server that is silent. */
  readonly nameTimeoutMs?: number
  readonly onStep?: (step: DialStep) => void
}

/**
 * A TCP connection to an edge: straight, or through the proxy that `egress` names for its host.
 *
 * @returns Paused; no delay; half-open allowed.
 * @throws {Fault} EDGE_NAME_NXDOMAIN, RESOLVER_UNREACHABLE, EGRESS_BLOCKED (silence), EGRESS_REJECTED (a refusal),
 *   EDGE_UNREACHABLE (no route); CONTROL_UNREACHABLE at a Unix socket; PROXY_UNREACHABLE, PROXY_AUTH, PROXY_REFUSED; the reason of `signal`.
 */
export async function dialEdge(to: EdgeAddress, o: DialOptions): Promise<net.Socket> {
  const timeoutMs = o.timeoutMs ?? PATIENCE_MS.dial
  if (to.socket !== undefined) return dialBeside(to.socket, timeoutMs, o)
  const proxy = egressFor(o.egress, to)
  o.onStep?.('dialling')
  try {
    if (proxy === undefined) return await connect(to, timeoutMs, o)
    const socket = await connect(proxy, timeoutMs, o).catch((thrown: unknown) => {
      throw thrown instanceof Fault && !isOwn(thrown) ? proxyUnreachable(proxy, o.egress, thrown) : thrown
    })
    using answer = deadline(
      timeoutMs,
      'PROXY_UNREACHABLE',
      `proxy ${hostPort(proxy)} gave no answer`,
      o.signal,
    )
    return await connectThrough(socket, proxy, to, answer)
  } catch (thrown) {
    // An abort from outside is not a finding about the network.
    o.signal.throwIfAborted()
    throw thrown
  }
}

/** The control plane of this machine, for the edge that was started with it. */
async function dialBeside(file: string, timeoutMs: number, o: DialOptions): Promise<net.Socket> {
  using limit = deadline(timeoutMs, 'CONTROL_UNREACHABLE', `no answer at ${file}`, o.signal)
  return dialLocal(file, HERE, limit)
}

const HERE = { address: '127.0.0.1', port: 0 }

async function connect(to: EdgeAddress, timeoutMs: number, o: DialOptions): Promise<net.Socket> {
  const addresses = await resolve(to, o)
  o.onStep?.('resolved')
  using limit = deadline(timeoutMs, 'EGRESS_BLOCKED', `no answer from ${hostPort(to)}`, o.signal)
  try {
    const socket = await raceConnect(addresses, to.port, limit)
    // Until its next owner listens, a reset must not end the process.
    socket.on('error', ignore)
    o.onStep?.('connected')
    return socket
  } catch (thrown) {
    throw thrown instanceof RaceLost ? unconnected(to, thrown.attempts, addresses, thrown) : thrown
  }
}

async function resolve(to: EdgeAddress, { nameTimeoutMs, signal }: DialOptions): Promise<readonly string[]> {
  const resolving = to.addresses?.length
    ? Promise.resolve(interleave(to.addresses)) // as a resolver would have answered
    : resolveAddresses(to.host, edgeNames)
  using limit =
    nameTimeoutMs === undefined
      ? undefined
      : deadline(nameTimeoutMs, 'RESOLVER_UNREACHABLE', `no answer for "${to.host}"`, signal)
  return await unlessAborted(resolving, limit ?? signal).catch((thrown: unknown) => {
    throw unresolved(to.host, thrown as NodeJS.ErrnoException)
  })
}

function ignore(): void {}

export function unresolved(host: string, cause: NodeJS.ErrnoException | Fault): Fault {
  if (cause instanceof NamesBusy) {
    // As every fault of this name: the way to the edge, whoever is on it.
    return new Fault('LOOKUPS_BUSY', `"${host}": ${cause.message}`, {
      cause,
      hop: 'edge',
      seen: { name: host },
    })
  }
  // A Fault here is the deadline: the resolver was silent for all of it.
  const errno = cause instanceof Fault ? 'ETIMEDOUT' : (cause.code ?? 'EUNKNOWN')
  const short = shortageFault(errno, `"${host}" was not looked up`, { cause, seen: { host, errno } })
  if (short !== undefined) return short
  const end = nameEnd(errno)
  if (end === 'unknown') {
    const what = `"${host}" was not looked up: ${errno}`
    return new Fault('INTERNAL', what, { cause, hop: ownHop(), seen: { host, errno } })
  }
  if (end === 'no-name') {
    return new Fault('EDGE_NAME_NXDOMAIN', `"${host}" has no address`, { cause, seen: { host, errno } })
  }
  return new Fault('RESOLVER_UNREACHABLE', `no answer for "${host}"`, { cause, seen: { host, errno } })
}

/** The most telling attempt names the fault: our own shortage over a refusal over silence over a missing route. */
export function unconnected(
  to: EdgeAddress,
  attempts: readonly FailedAttempt[],
  addresses: readonly string[],
  cause: Error,
): Fault {
  const errnos = new Set(attempts.map(({ errno }) => errno))
  const seen = {
    attempts: attempts.map(({ address, errno }) => `${address} ${errno}`),
    resolved: addresses,
  }
  const where = hostPort(to)
  const own = attempts.find(({ address, errno }) => shortageOf(errno, address))
  const short = shortageFault(own?.errno, where, { cause, seen })
  if (short !== undefined) return short
  // EPERM and EACCES are what a local firewall or an administratively prohibited ICMP answer leave behind.
  if (errnos.has('ECONNREFUSED') || errnos.has('EPERM') || errnos.has('EACCES')) {
    return new Fault('EGRESS_REJECTED', `${where} was refused`, { cause, seen })
  }
  if (errnos.has('ETIMEDOUT')) {
    return new Fault('EGRESS_BLOCKED', `${where} gave no answer`, { cause, seen })
  }
  return new Fault('EDGE_UNREACHABLE', `${where}: ${[...errnos].join(', ')}`, { cause, seen })
}

/** No word of anybody on the way: this process, or its machine, could not even try. */
function isOwn({ code }: Fault): boolean {
  return code === 'FD_EXHAUSTED' || code === 'CONNECTOR_OVERLOADED' || code === 'LOOKUPS_BUSY'
}

function proxyUnreachable(proxy: EdgeAddress, egress: Egress, why: Fault): Fault {
  return new Fault('PROXY_UNREACHABLE', `proxy ${hostPort(proxy)}, set by ${egress.source}: ${why.detail}`, {
    cause: why,
    seen: { ...why.seen, proxy: hostPort(proxy), source: egress.source, because: why.code },
  })
}
