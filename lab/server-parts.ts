/** The processes of the lab's server: what keeps them, control plane, and edge. */

import type { Lab } from './lab.ts'
import { signalAll } from './processes.ts'

type Part = 'control' | 'edge'

/** All that the server is. */
export function signalServer(lab: Lab, signal: NodeJS.Signals): void {
  for (const part of ['control', 'edge'] as const) signalPart(lab, part, signal)
  lab.server.signal(signal)
}

/** One of its parts alone. */
export function signalPart(lab: Lab, which: Part, signal: NodeJS.Signals): void {
  signalAll(partOf(lab, which), signal)
}

/** Its process: the one that was started last. */
export function partOf({ server }: Lab, which: Part): number {
  const started = server.lines().findLast(({ event, part }) => event === 'part.started' && part === which)
  return Number(started!.pid)
}
