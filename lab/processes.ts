import { readFileSync } from 'node:fs'

/** A process and all below it: what stops when its machine does. */
export function withChildren(pid: number): number[] {
  let children: number[] = []
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).map(Number)
  } catch {
    // It is gone, and what was below it with it.
  }
  return [pid, ...children.filter((child) => child > 0).flatMap(withChildren)]
}

export function signalAll(pid: number, signal: NodeJS.Signals): void {
  for (const one of withChildren(pid)) process.kill(one, signal)
}
