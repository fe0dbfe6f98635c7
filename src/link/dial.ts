import net from 'node:net'
import { deadline, unlessAborted } from '../base/deadline.ts'
import { Fault } from '../base/faults.ts'
import type { EdgeAddress } from './credentials.ts'
import { type Egress, egressFor, hostPort } from './egress.ts'
import { connectThrough } from './proxy-connect.ts'
import {
  type Address,
  type FailedAttempt,
  interleave,
  RaceLost,
  raceConnect,
  resolveAddresses,
} from './race-connect.ts'

const DIAL_TIMEOUT_MS = 10_000

/** How far an attempt has come, for a bring-up that shows its stages. */
export type DialStep = 'dialling' | 'resolved' | 'connected' | 'secured'

export interface DialOptions {
  readonly egress: Egress
  readonly signal: AbortSignal
  readonly timeoutMs?: number
  readonly onStep?: (step: DialStep) => void
}

/**
 * A TCP connection to an edge: straight, or through the proxy that `egress` names for its host.
 *
 * @returns Paused; no delay; half-open allowed.
 * @throws {Fault} EDGE_NAME_NXDOMAIN, RESOLVER_UNREACHABLE, EGRESS_BLOCKED (silence), EGRESS_REJECTED (a refusal),
 *   EDGE_UNREACHABLE (no route); PROXY_UNREACHABLE, PROXY_AUTH, PROXY_REFUSED; the reason of `signal`.
 */
export async function dialEdge(to: EdgeAddress, o: DialOptions): Promise<net.Socket> {
  const timeoutMs = o.timeoutMs ?? DIAL_TIMEOUT_MS
  using limit = deadline(timeoutMs, 'EGRESS_BLOCKED', `no answer from ${hostPort(to)}`, o.signal)
  const proxy = egressFor(o.egress, to.host)
  o.onStep?.('dialling')
  try {
    if (proxy === undefined) return await connect(to, limit, o.onStep)
    const socket = await connect(proxy, limit, o.onStep).catch((thrown: unknown) => {
      throw thrown instanceof Fault ? proxyUnreachable(proxy, o.egress, thrown) : thrown
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

async function connect(
  to: EdgeAddress,
  signal: AbortSignal,
  onStep: DialOptions['onStep'],
): Promise<net.Socket> {
  const resolving = to.addresses?.length ? fixed(to.addresses) : resolveAddresses(to.host)
  const addresses = await unlessAborted(resolving, signal).catch((thrown: unknown) => {
    throw unresolved(to.host, thrown as NodeJS.ErrnoException)
  })
  onStep?.('resolved')
  try {
    const socket = await raceConnect(addresses, to.port, signal)
    // Until its next owner listens, a reset must not end the process.
    socket.on('error', ignore)
    onStep?.('connected')
    return socket
  } catch (thrown) {
    throw thrown instanceof RaceLost ? unconnected(to, thrown.attempts, addresses, thrown) : thrown
  }
}

/** As a resolver would have answered. */
async function fixed(addresses: readonly string[]): Promise<Address[]> {
  return interleave(addresses.map((address) => ({ address, family: net.isIP(address) })))
}

function ignore(): void {}

function unresolved(host: string, cause: NodeJS.ErrnoException | Fault): Fault {
  // A Fault here is the deadline: the resolver was silent for all of it.
  const errno = cause instanceof Fault ? 'ETIMEDOUT' : (cause.code ?? 'EUNKNOWN')
  if (errno === 'ENOTFOUND' || errno === 'ENODATA') {
    return new Fault('EDGE_NAME_NXDOMAIN', `"${host}" has no address`, { cause, seen: { host, errno } })
  }
  return new Fault('RESOLVER_UNREACHABLE', `no answer for "${host}"`, { cause, seen: { host, errno } })
}

/** The most telling attempt names the fault: a refusal over silence over a missing route. */
function unconnected(
  to: EdgeAddress,
  attempts: readonly FailedAttempt[],
  addresses: readonly Address[],
  cause: Error,
): Fault {
  const errnos = new Set(attempts.map(({ errno }) => errno))
  const seen = {
    attempts: attempts.map(({ address, errno }) => `${address} ${errno}`),
    resolved: addresses.map(({ address }) => address),
  }
  const where = hostPort(to)
  // EPERM and EACCES are what a local firewall or an administratively prohibited ICMP answer leave behind.
  if (errnos.has('ECONNREFUSED') || errnos.has('EPERM') || errnos.has('EACCES')) {
    return new Fault('EGRESS_REJECTED', `${where} was refused`, { cause, seen })
  }
  if (errnos.has('ETIMEDOUT')) {
    return new Fault('EGRESS_BLOCKED', `${where} gave no answer`, { cause, seen })
  }
  return new Fault('EDGE_UNREACHABLE', `${where}: ${[...errnos].join(', ')}`, { cause, seen })
}

function proxyUnreachable(proxy: EdgeAddress, egress: Egress, why: Fault): Fault {
  return new Fault('PROXY_UNREACHABLE', `proxy ${hostPort(proxy)}, set by ${egress.source}: ${why.detail}`, {
    cause: why,
    seen: { ...why.seen, proxy: hostPort(proxy), source: egress.source, because: why.code },
  })
}
