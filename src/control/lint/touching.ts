import { networkHas, networkOf } from '../../policy/address.ts'

/** Of more than so many it costs more to ask than to leave nothing out. */
const FEW_PATTERNS = 64

/**
 * Tells the patterns that have to do with one of `written`: the same, those within it, and those that it is within.
 *
 * @param alike So are these themselves.
 */
export function touching(written: readonly string[], alike: readonly string[]): (pattern: string) => boolean {
  if (written.length > FEW_PATTERNS) return () => true
  const same = new Set(alike)
  const names = written.filter((pattern) => !isNetwork(pattern))
  const networks = written.filter(isNetwork).map(networkOf)
  return (pattern) => {
    if (same.has(pattern)) return true
    if (!isNetwork(pattern)) return names.some((name) => covers(name, pattern) || covers(pattern, name))
    if (networks.length === 0) return false
    const one = networkOf(pattern)
    return networks.some((other) =>
      one.prefix < other.prefix ? networkHas(one, other.bytes) : networkHas(other, one.bytes),
    )
  }
}

export function isNetwork(pattern: string): boolean {
  return pattern.includes('/')
}

function covers(wide: string, narrow: string): boolean {
  return wide === narrow || (wide.startsWith('*.') && narrow.endsWith(wide.slice(1)))
}
