import { readFileSync, statSync } from 'node:fs'

/** How parts of a server call themselves; the kernel keeps 15 characters. */
const PART = 'backstitch: '

/**
 * Which process holds a lock on a file, as the kernel tells.
 *
 * @returns undefined if none does, or it is out of sight: in a container of its own, or where there is no /proc.
 */
export function lockHolder(file: string): { readonly pid: number; readonly name: string } | undefined {
  try {
    const { ino } = statSync(file)
    // 1: POSIX  ADVISORY  WRITE 17743 fe:00:9978701 1073741824 1073742335
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const [, , , kind, pid, place] = line.trim().split(/\s+/)
      if (kind !== 'WRITE' || place?.split(':')[2] !== String(ino)) continue
      return whoStops(Number(pid), readFileSync(`/proc/${pid}/comm`, 'utf8').trim())
    }
  } catch {}
  return undefined
}

/** A part of a server is started again when it ends: whoever is to be stopped is the server. */
function whoStops(pid: number, name: string): { readonly pid: number; readonly name: string } {
  if (!name.startsWith(PART)) return { pid, name }
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  return parent > 1 ? { pid: parent, name: 'backstitch server' } : { pid, name }
}
