import net from 'node:net'
import { hostPort } from '../../base/host-port.ts'
import type { SystemNames } from '../../probe/system-names.ts'
import { AddressRace, type FailedAttempt, interleave } from './address-race.ts'

/**
 * Every address failed, or the time was over. `attempts` says what each of them did: first those that failed, in that
 * order, then those that were still silent, as `ETIMEDOUT`.
 */
export class RaceLost extends Error {
  /** `address` with its port. */
  readonly attempts: readonly FailedAttempt[]

  constructor(attempts: readonly FailedAttempt[]) {
    super(attempts.map(({ address, errno }) => `${address} ${errno}`).join(', '))
    this.name = 'RaceLost'
    this.attempts = attempts
  }
}

/** Addresses of a name in the order they are tried: families take turns, the resolver's first choice leads. */
export async function resolveAddresses(host: string, names: SystemNames): Promise<readonly string[]> {
  if (net.isIP(host) !== 0) return [host]
  return interleave((await names.lookUp(host)).map(({ address }) => address))
}

/**
 * An AddressRace as a promise.
 *
 * @returns A connected socket: no delay, half-open allowed, nobody reading yet.
 * @throws {RaceLost} when all addresses failed, or `signal` aborted first.
 */
export function raceConnect(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const lose = () => {
      const silent = race.silent.map((address) => ({ address, errno: 'ETIMEDOUT' }))
      race.stop()
      const attempts = [...race.failed, ...silent]
      reject(
        new RaceLost(
          attempts.map(({ address, errno }) => ({ address: hostPort({ host: address, port }), errno })),
        ),
      )
    }
    const race = new AddressRace({
      addresses,
      port,
      done: (socket) => {
        signal.removeEventListener('abort', lose)
        if (socket === undefined) lose()
        else resolve(socket)
      },
    })
    if (signal.aborted) return lose()
    signal.addEventListener('abort', lose, { once: true })
    race.start()
  })
}
