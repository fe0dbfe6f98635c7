import { readFileSync } from 'node:fs'

/** How many users there can be: 2^32 less one, which means nobody. */
const EVERY_USER = 4_294_967_295

/**
 * The number that the kernel gives for every user that this user namespace does not know; nothing where it knows all.
 * In a container without a mapping of its own, that number would mean one user and be anybody.
 */
export function strangersUid(): number | undefined {
  try {
    const map = readFileSync('/proc/self/uid_map', 'utf8').trim().split('\n')
    const known = map.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2]), 0)
    if (known >= EVERY_USER) return undefined
    return Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'))
  } catch {
    return undefined // no Linux, or one without user namespaces
  }
}
