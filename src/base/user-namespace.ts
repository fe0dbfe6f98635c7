import { readFileSync } from 'node:fs'

/** Is this a user namespace, where uid 0 is somebody outside and most others are nobody? */
export function isMapped(): boolean {
  try {
    return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))
  } catch {
    return false
  }
}
