import { readFileSync, rmSync, writeFileSync } from 'node:fs'

/**
 * Keeps two demos out of one directory. The start time tells a process from a later one with the same number, so
 * that a lock left by `kill -9` holds nobody up.
 *
 * @returns The lock, or the process that holds it.
 */
export function takeLock(file: string): Disposable | { readonly heldBy: number } {
  try {
    const { pid, started } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; started: string }
    if (started !== undefined && startOf(pid) === started) return { heldBy: pid }
  } catch {
    // No lock, or half of one.
  }
  writeFileSync(file, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }))
  return { [Symbol.dispose]: () => rmSync(file, { force: true }) }
}

/** Clock ticks from boot to the start of a process: field 22 of /proc/PID/stat. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19] // a zombie holds nothing
  } catch {
    return undefined
  }
}
