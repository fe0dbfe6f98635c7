import net from 'node:net'
import { eitherAborted } from '../base/deadline.ts'
import { shortageOf } from '../base/shortage.ts'
import { readNeighbour } from './next-hop.ts'

/**
 * How one attempt to connect ended. `prohibited`: somebody on the way forbids it; `unreachable`: there is no way, or
 * nobody at its end; `unasked`: this process or machine could not even try.
 */
export type TcpEnd = 'open' | 'silent' | 'refused' | 'prohibited' | 'unreachable' | 'unasked'

export interface TcpFacts {
  readonly address: string
  readonly port: number
  readonly is: TcpEnd
  readonly errno?: string
  readonly tookMs: number
  /** Where the first packet went, and whether that neighbour answers; IPv4 only. */
  readonly nextHop?: string
  /** The interface it was sent by, where it did not stand; IPv4 only. */
  readonly via?: string
}

export interface TcpOptions {
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

/** A connection that is closed as soon as it stands. Never throws. */
export async function tryTcp(
  address: string,
  port: number,
  { signal, timeoutMs = 4000 }: TcpOptions,
): Promise<TcpFacts> {
  const startedMs = performance.now()
  using late = eitherAborted(signal, AbortSignal.timeout(timeoutMs))
  const errno = await connect(address, port, late)
  const facts = { address, port, tookMs: Math.round(performance.now() - startedMs) }
  if (errno === undefined) return { ...facts, is: 'open' }
  const neighbour = await readNeighbour(address)
  const isThere = { true: ' answers', false: ' does not answer', undefined: '' }
  const nextHop = neighbour && `${neighbour.address}${isThere[`${neighbour.answers}`]}`
  // Who asks for a neighbour that somebody else asks for already has not long to wait.
  const is =
    errno === 'EHOSTUNREACH' && neighbour?.answers === false
      ? 'unreachable'
      : endOf(errno, address, facts.tookMs)
  return { ...facts, errno, nextHop, via: neighbour?.via, is }
}

/** A neighbour that is not there is asked for three seconds; whoever says no, says it at once. */
const AT_ONCE_MS = 900

/** Only what somebody said, or nobody, is told of them: an errno that is not known is no way, and never a word. */
export function endOf(errno: string, address: string, tookMs: number): TcpEnd {
  if (shortageOf(errno, address) !== undefined) return 'unasked'
  switch (errno) {
    case 'ETIMEDOUT':
      return 'silent'
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return 'refused'
    case 'EPERM':
    case 'EACCES':
      return 'prohibited'
    case 'EHOSTUNREACH':
      // The same errno when a firewall or router forbids it and when the last machine on the way finds nobody.
      return tookMs < AT_ONCE_MS ? 'prohibited' : 'unreachable'
    default:
      return 'unreachable'
  }
}

/** @returns errno, or nothing when it stood. */
function connect(host: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, autoSelectFamily: false })
    const end = (errno?: string) => {
      signal.removeEventListener('abort', stop)
      socket.destroy()
      resolve(errno)
    }
    const stop = () => end('ETIMEDOUT')
    socket.once('connect', () => end())
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'unknown'))
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
  })
}
