import dgram from 'node:dgram'
import { isIPv6 } from 'node:net'
import { eitherAborted } from '../base/deadline.ts'
import { endOf, type TcpEnd } from './tcp.ts'

/** `silent` is what most applications do with a datagram that says nothing: it tells nothing of them. */
export interface UdpFacts {
  readonly address: string
  readonly port: number
  readonly is: TcpEnd
  readonly errno?: string
  readonly tookMs: number
}

/** The first may be lost, or have asked who has the address. */
const AGAIN_MS = 300

/**
 * Sends an empty datagram, twice: whoever is there and has nobody at this port says so by ICMP, and a router that does
 * not pass it on may, too. Never throws.
 */
export async function tryUdp(
  address: string,
  port: number,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<UdpFacts> {
  const startedMs = performance.now()
  using late = eitherAborted(signal, AbortSignal.timeout(timeoutMs))
  const errno = await answer(address, port, late)
  const facts = { address, port, tookMs: Math.round(performance.now() - startedMs) }
  if (errno === undefined) return { ...facts, is: 'open' }
  return { ...facts, errno, is: endOf(errno, address, facts.tookMs) }
}

/** @returns errno, or nothing when anything was answered. */
function answer(address: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    let again: NodeJS.Timeout | undefined
    const end = (errno?: string) => {
      clearTimeout(again)
      signal.removeEventListener('abort', stop)
      socket.close()
      resolve(errno)
    }
    const stop = () => end('ETIMEDOUT')
    const broke = ({ code = 'unknown' }: NodeJS.ErrnoException) => end(code)
    socket.once('error', broke)
    socket.once('message', () => end())
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) return stop()
    // Connected, it hears what ICMP says of what it sent.
    socket.connect(port, address, () => {
      const send = () => socket.send('', (error) => error && socket.emit('error', error))
      send()
      again = setTimeout(send, AGAIN_MS)
    })
  })
}
