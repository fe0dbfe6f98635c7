/**
 * Whether a path still serves, and what is done when it does not: a run in which ours has stopped is ended at once,
 * another that has died leaves it, and its rows say so.
 *
 * @module
 */

import { once } from 'node:events'
import net from 'node:net'
import type { Path, Peer } from './path.ts'
import { ALWAYS } from './peers.ts'

/** Beside a machine that is busy with its end. */
const ANSWER_MS = 10_000

export interface Failure {
  readonly name: string
  readonly peer: Peer
  /** The workload and the round. */
  readonly where: string
  readonly error: Error
  /** The one that is measured again and again. */
  readonly path: Path
  /** The one that failed, when it was another. */
  readonly used: Path
}

/** A path that ends its run, with what its programs said last. */
export class StoppedServing extends Error {}

/**
 * Says it loudly.
 *
 * @returns whether the peer takes no more part, because it has died.
 * @throws {StoppedServing} when it is ours, or what everybody is measured against.
 */
export async function judgeFailure({ name, peer, where, error, path, used }: Failure): Promise<boolean> {
  const text =
    `${name} stopped serving in ${where}: ${error.message}\n${endedOf(used) ?? ''}\n${used.children?.lastWords ?? ''}`.trimEnd()
  if (ALWAYS.includes(peer)) throw new StoppedServing(text)
  const dead = endedOf(path) !== undefined || !(await answers(path))
  console.error(
    `\n${text}\n${name} ${dead ? 'takes no more part' : 'still serves, and goes on with the next workload'}`,
  )
  return dead
}

/** The names of the programs that ended by themselves. */
export function endedOf({ children }: Path): string | undefined {
  const names = children?.ended.map(({ name }) => name) ?? []
  return names.length > 0 ? `${names.join(', ')} ended by itself` : undefined
}

/** One byte there and back. */
async function answers({ to: { echo } }: Path): Promise<boolean> {
  const socket = net.connect(echo)
  try {
    const signal = AbortSignal.timeout(ANSWER_MS)
    await once(socket, 'connect', { signal })
    socket.write('b')
    await once(socket, 'data', { signal })
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
