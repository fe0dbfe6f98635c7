import net from 'node:net'
import { hostPort } from '../../base/host-port.ts'
import { KEEP_ALIVE } from '../../base/keep-alive.ts'
import type { FoundAddress, SystemNames } from '../../probe/system-names.ts'

/** Time one address has for itself before the next one is tried beside it. Source: RFC 8305, 5. */
const ATTEMPT_DELAY_MS = 250

export type Address = FoundAddress

/** One address that was tried and did not answer in the affirmative. */
export interface FailedAttempt {
  readonly address: string
  /** errno name; `ETIMEDOUT` also when it was still silent at the end. */
  readonly errno: string
}

/** Every address failed, or the time was over. `attempts` says what each of them did, in the order tried. */
export class RaceLost extends Error {
  readonly attempts: readonly FailedAttempt[]

  constructor(attempts: readonly FailedAttempt[]) {
    super(attempts.map(({ address, errno }) => `${address} ${errno}`).join(', '))
    this.name = 'RaceLost'
    this.attempts = attempts
  }
}

/** Addresses of a name in the order they are tried: families take turns, the resolver's first choice leads. */
export async function resolveAddresses(host: string, names: SystemNames): Promise<Address[]> {
  const family = net.isIP(host)
  if (family !== 0) return [{ address: host, family }]
  return interleave(await names.lookUp(host))
}

export function interleave(found: readonly Address[]): Address[] {
  const first = found.filter(({ family }) => family === found[0]?.family)
  const second = found.filter(({ family }) => family !== found[0]?.family)
  const order: Address[] = []
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    if (first[i]) order.push(first[i]!)
    if (second[i]) order.push(second[i]!)
  }
  return order
}

/**
 * Connects to the first address that answers (happy eyeballs: RFC 8305). An attempt that is slow is not given up
 * when the next one starts, so that a far edge is not mistaken for a dead one. The losers are destroyed.
 *
 * @returns A connected socket: no delay, half-open allowed, nobody reading yet.
 * @throws {RaceLost} when all addresses failed, or `signal` aborted first.
 */
export function raceConnect(
  addresses: readonly Address[],
  port: number,
  signal: AbortSignal,
): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const trying = new Map<net.Socket, string>()
    const failed: FailedAttempt[] = []
    let next = 0
    let timer: NodeJS.Timeout | undefined

    const finish = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', lose)
      for (const socket of trying.keys()) socket.destroy()
    }
    const lose = () => {
      const silent = [...trying.values()].map((address) => ({ address, errno: 'ETIMEDOUT' }))
      finish()
      reject(new RaceLost([...failed, ...silent]))
    }
    const attempt = () => {
      clearTimeout(timer)
      const target = addresses[next++]
      if (target === undefined) {
        if (trying.size === 0) lose()
        return
      }
      const name = hostPort({ host: target.address, port })
      const socket = net.connect({
        host: target.address,
        port,
        noDelay: true,
        allowHalfOpen: true,
        ...KEEP_ALIVE,
      })
      trying.set(socket, name)
      const onError = (error: NodeJS.ErrnoException) => {
        if (!trying.delete(socket)) return
        failed.push({ address: name, errno: error.code ?? 'EUNKNOWN' })
        attempt()
      }
      socket.on('error', onError)
      socket.once('connect', () => {
        trying.delete(socket)
        socket.off('error', onError)
        finish()
        resolve(socket)
      })
      if (next < addresses.length) timer = setTimeout(attempt, ATTEMPT_DELAY_MS)
    }

    if (signal.aborted) return lose()
    signal.addEventListener('abort', lose, { once: true })
    attempt()
  })
}
