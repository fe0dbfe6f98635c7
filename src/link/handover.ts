import type net from 'node:net'
import { Fault } from '../base/faults.ts'
import type { PipeTicket } from '../wire/control.ts'
import type { Credentials } from './credentials.ts'
import type { Egress } from './egress.ts'

export interface BringOptions {
  readonly egress: Egress
  readonly credentials: Credentials
  readonly signal: AbortSignal
}

/** A raw half of a pipe: paused, half-open allowed, no delay. */
export interface Half {
  readonly socket: net.Socket
  /** Dial, outer TLS, ticket and OK, in microseconds. */
  readonly handoverUs: number
}

export async function bringHalf(_to: PipeTicket, _o: BringOptions): Promise<Half> {
  throw new Fault('INTERNAL', 'not built')
}
