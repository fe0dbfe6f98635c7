import { inCidrs, isAddress } from './destination.ts'
import { DialLimits } from './dial-limits.ts'
import { networkPartsOf } from './meant-networks.ts'
import { isSpecialNetwork } from './special-address.ts'

/**
 * Would a session to `host` be let to an address by `before` that `now` refuses? Both are what meantNetworks gives, of one
 * segment at two times.
 */
export function leadsFurther(host: string, before: readonly string[], now: readonly string[]): boolean {
  if (isAddress(host)) {
    // Its own may be one of the connector's, which only a single address names.
    return [new Set<string>(), new Set([host])].some((own) => {
      const refuses = (networks: readonly string[]) =>
        new DialLimits(networks).refusal(host, host, own) !== undefined
      return !refuses(before) && refuses(now)
    })
  }
  if (before.length === 0) return now.length > 0
  return before.some((network) => !now.some((other) => holds(other, network)) && !isOpen(network, now))
}

/** No networks at all: any address but special ones. */
function isOpen(network: string, now: readonly string[]): boolean {
  return now.length === 0 && !isSpecialNetwork(network) && !networkPartsOf(network).whole
}

function holds(other: string, network: string): boolean {
  if (other === network) return true
  const { base, prefix, whole } = networkPartsOf(network)
  if (whole || networkPartsOf(other).prefix > prefix || !inCidrs(base, [other])) return false
  return !isSpecialNetwork(network) || isSpecialNetwork(other)
}
