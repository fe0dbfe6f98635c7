import { setTimeout as wait } from 'node:timers/promises'
import { runProgram } from './run-program.ts'

/** Handshakes at a port of this machine that do not end: what others sent arrived, and what was answered did not. */
export interface HalfOpen {
  /** Addresses with such a handshake. */
  readonly peers: readonly string[]
  /** Connections from other machines that stand. */
  readonly standing: number
  /** Of what `ss` prints, verbatim. */
  readonly saw: readonly string[]
}

/** Longer than any way there and back: an answer that is not acknowledged by then is lost. */
const APART_MS = 1500
const MAX_TOLD = 3
const HERE = /^(?:127\.|::1$|::ffff:127\.)/

/**
 * Looks twice, so that a handshake under way is not taken for one that does not end. Never throws.
 *
 * @returns Nothing where `ss` does not say.
 */
export async function lookAtHalfOpen(port: number, signal: AbortSignal): Promise<HalfOpen | undefined> {
  try {
    const first = await askSs('syn-recv', port, signal)
    if (first === undefined) return undefined
    if (first.size > 0) await wait(APART_MS, undefined, { signal })
    const [second, standing] = await Promise.all([
      first.size > 0 ? askSs('syn-recv', port, signal) : new Map<string, string>(),
      askSs('established', port, signal),
    ])
    if (second === undefined || standing === undefined) return undefined
    const stuck = [...second].filter(([peer]) => first.has(peer))
    const peers = [...new Set(stuck.map(([peer]) => addressOf(peer)))]
    return {
      peers,
      standing: [...standing.keys()].filter((peer) => !HERE.test(addressOf(peer))).length,
      saw: stuck.slice(0, MAX_TOLD).map(([, line]) => line),
    }
  } catch {
    return undefined
  }
}

/** By the other end, `192.0.2.7:40000`: its line. */
async function askSs(
  state: string,
  port: number,
  signal: AbortSignal,
): Promise<Map<string, string> | undefined> {
  const said = await runProgram('ss', ['-tonH', 'state', state, 'sport', '=', `:${port}`], { signal })
  if (said?.status !== 0) return undefined
  return new Map(
    said.stdout.split('\n').flatMap((line): [string, string][] => {
      const [, , near, peer] = line.trim().split(/\s+/)
      return near === undefined || peer === undefined ? [] : [[peer, `${near} ${peer} ${state}`]]
    }),
  )
}

function addressOf(end: string): string {
  return end.slice(0, end.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1')
}
