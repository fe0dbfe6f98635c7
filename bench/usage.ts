/**
 * What processes cost, read from /proc: processor seconds and proportional memory.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs'

/** Kernel ticks per second of /proc/PID/stat; 100 on every Linux platform Node supports. */
const TICKS_PER_SECOND = 100

interface Stat {
  readonly parent: number
  readonly ticks: number
}

function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command name may hold spaces and brackets; fields are counted from its closing bracket.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return undefined
  }
}

/** Every process below `root`, without `root` itself. */
export function descendants(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    const stat = Number.isInteger(pid) ? readStat(pid) : undefined
    if (stat) children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid])
  }
  const found: number[] = []
  for (const queue = [root]; queue.length > 0; ) {
    const next = children.get(queue.pop()!) ?? []
    found.push(...next)
    queue.push(...next)
  }
  return found
}

/** Ends what this process started and did not end itself, for example when a start was cut short. */
export function endDescendants(): void {
  for (const pid of descendants(process.pid)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Ended meanwhile, which is what is wanted.
    }
  }
}

/** User and system seconds used so far by `roots` and everything below them. */
export function cpuSeconds(roots: readonly number[]): number {
  return sum(family(roots).map((pid) => readStat(pid)?.ticks ?? 0)) / TICKS_PER_SECOND
}

/** Kilobytes (of 1024) of proportional set size; resident size where the kernel hides the former. */
export function memoryKb(roots: readonly number[]): number {
  return sum(family(roots).map(processKb))
}

function processKb(pid: number): number {
  try {
    return field(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'), 'Pss')
  } catch {
    try {
      return field(readFileSync(`/proc/${pid}/status`, 'latin1'), 'VmRSS')
    } catch {
      return 0
    }
  }
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
}

function family(roots: readonly number[]): number[] {
  return [...new Set(roots.flatMap((root) => [root, ...descendants(root)]))]
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
