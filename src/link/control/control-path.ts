/**
 * The way of a control connection where an edge has a second port for it: that port first, port 443 a moment later.
 *
 *     control port ----secured----> used
 *          | head start over, or it failed
 *          +--> the port that every edge has --secured--> used, and CONTROL_PORT_BLOCKED if the other does not answer
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import type tls from 'node:tls'
import { eitherAborted } from '../../base/deadline.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import type { EdgeAddress } from '../dial/credentials.ts'
import { blocked } from './port-blocked.ts'

/** A port that answers does so by then on nearly every way; one that is silent costs no more than this. */
const HEAD_START_MS = 400
/** A port that has not answered by then is not slow: its packets are dropped. */
const VERDICT_MS = 4000

export interface ControlPathOptions {
  readonly signal: AbortSignal
  /** For each step, in milliseconds. */
  readonly timeoutMs: number
  /** TCP and TLS to there, and the proof that the control plane answers. */
  readonly secure: (edge: EdgeAddress, timeoutMs: number) => Promise<tls.TLSSocket>
  /** What became of the control port: CONTROL_PORT_BLOCKED, or nothing where it was used or is merely slow. */
  readonly onControlPort?: (fault: Fault | undefined) => void
}

export interface ControlPath {
  readonly socket: tls.TLSSocket
  /** As it was dialled. */
  readonly edge: EdgeAddress
}

type Tried = { readonly socket: tls.TLSSocket } | { readonly fault: Fault }

/** @throws {Fault} what the port that every edge has was not reached for; the reason of `signal`. */
export async function openControlPath(edge: EdgeAddress, o: ControlPathOptions): Promise<ControlPath> {
  const { controlPort, ...main } = edge
  if (controlPort === undefined || controlPort === main.port) {
    return { socket: await o.secure(main, o.timeoutMs), edge: main }
  }
  const second = { ...main, port: controlPort }
  const trying = o.secure(second, Math.min(o.timeoutMs, VERDICT_MS)).then(
    (socket): Tried => ({ socket }),
    (thrown: unknown): Tried => ({ fault: asFault(thrown) }),
  )
  const early = await within(trying, HEAD_START_MS, o.signal)
  if (early !== undefined && 'socket' in early) {
    o.onControlPort?.(undefined)
    return { socket: early.socket, edge: second }
  }
  o.signal.throwIfAborted()
  const socket = await o.secure(main, o.timeoutMs).catch(async (thrown: unknown) => {
    // Nothing is said of a port where its edge cannot be reached at all; if it can, that port is the way.
    const late = await trying
    if ('socket' in late) return { late: late.socket }
    throw thrown
  })
  if ('late' in socket) {
    o.onControlPort?.(undefined)
    return { socket: socket.late, edge: second }
  }
  void trying.then((late) => {
    if ('socket' in late) late.socket.destroy()
    if (!o.signal.aborted) o.onControlPort?.('fault' in late ? blocked(late.fault, second, main) : undefined)
  })
  return { socket, edge: main }
}

async function within<T>(work: Promise<T>, forMs: number, signal: AbortSignal): Promise<T | undefined> {
  const over = new AbortController()
  using either = eitherAborted(signal, over.signal)
  try {
    return await Promise.race([work, wait(forMs, undefined, { signal: either }).catch(() => undefined)])
  } finally {
    over.abort()
  }
}
