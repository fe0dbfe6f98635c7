import { readFileSync } from 'node:fs'

/** How many descriptors this process may open; Infinity where nothing says so. */
export function descriptorLimit(proc = '/proc'): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(`${proc}/self/limits`, 'utf8'))?.[1]
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY // no /proc: the kernel has the last word all the same
  }
}
