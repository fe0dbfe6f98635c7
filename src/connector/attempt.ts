import { isIP } from 'node:net'
import { asFault, type Fault } from '../base/faults.ts'
import type { Dialer } from './dialer.ts'
import { ownAddresses } from './own-addresses.ts'
import type { Attempt } from './reach.ts'
import type { Resolver } from './resolver.ts'
import type { Scope } from './scope.ts'

export interface AttemptServices {
  readonly resolver: Resolver
  readonly dialer: Dialer
}

/** Tries an application as a session would: same resolver, same checks, same dialer. */
export function attemptWithin(scope: Pick<Scope, 'allowed'>, { resolver, dialer }: AttemptServices): Attempt {
  return async ({ host, port }): Promise<Fault | undefined> => {
    try {
      const found = isIP(host) !== 0 ? [host] : await resolver.addresses(host)
      const addresses = scope.allowed(host, found, ownAddresses())
      const { promise, resolve } = Promise.withResolvers<Fault | undefined>()
      dialer.dial(addresses, port, (fault, socket) => {
        socket?.destroy()
        resolve(fault)
      })
      return await promise
    } catch (error) {
      return asFault(error)
    }
  }
}
