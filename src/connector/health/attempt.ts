import { isIP } from 'node:net'
import { asFault, type Fault } from '../../base/faults.ts'
import { ownAddresses } from '../../probe/own-addresses.ts'
import type { Dialer } from '../dial/dialer.ts'
import type { GrantScope } from '../dial/grant-scope.ts'
import type { MovedNames } from '../dial/moved-names.ts'
import type { Resolver } from '../dial/resolver.ts'
import type { Attempt } from './application-reach.ts'
import type { AddressesOf } from './deep-checks.ts'

export interface AttemptServices {
  readonly resolver: Resolver
  readonly dialer: Dialer
  readonly moved: MovedNames
}

/** Addresses that a session would connect to: same resolver, same checks. @throws {Fault} as those do. */
export function whereWithin(
  scope: Pick<GrantScope, 'allowed'>,
  { resolver }: Pick<AttemptServices, 'resolver'>,
): AddressesOf {
  return async ({ host }) => {
    const found = isIP(host) !== 0 ? [host] : await resolver.addresses(host)
    return scope.allowed(host, found, ownAddresses())
  }
}

/** Tries an application as a session would. */
export function attemptWithin(scope: Pick<GrantScope, 'allowed'>, services: AttemptServices): Attempt {
  const where = whereWithin(scope, services)
  return async (application): Promise<Fault | undefined> => {
    try {
      const addresses = await where(application)
      const { promise, resolve } = Promise.withResolvers<Fault | undefined>()
      services.dialer.dial(addresses, application.port, (fault, socket, address) => {
        socket?.destroy()
        if (address !== undefined) services.moved.worked(application.host, address)
        else services.moved.failed(application.host, addresses)
        resolve(fault)
      })
      return await promise
    } catch (error) {
      return asFault(error)
    }
  }
}
