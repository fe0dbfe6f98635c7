import { widerPatterns } from '../../policy/lanes.ts'
import { networkHas, networkOf } from '../../policy/network.ts'

/** Of more than so many it costs more to ask than to leave nothing out. */
const FEW_PATTERNS = 64

/**
 * Tells the patterns that have to do with one of `written`: the same, those within it, and those that it is within.
 *
 * @param alike So are these themselves.
 */
export function touching(written: readonly string[], alike: readonly string[]): (pattern: string) => boolean {
  if (written.length > FEW_PATTERNS) return () => true
  const names = written.filter((pattern) => !isNetwork(pattern))
  const same = new Set([...alike, ...names, ...names.flatMap(widerPatterns)])
  const endings = names.filter((name) => name.startsWith('*.')).map((name) => name.slice(1))
  const networks = written.filter(isNetwork).map(networkOf)
  return (pattern) => {
    if (!isNetwork(pattern)) return same.has(pattern) || endings.some((ending) => pattern.endsWith(ending))
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
