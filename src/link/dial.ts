import type net from 'node:net'
import { Fault } from '../base/faults.ts'
import type { EdgeAddress } from './credentials.ts'
import type { Egress } from './egress.ts'

export interface DialOptions {
  readonly egress: Egress
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

export async function dialEdge(_to: EdgeAddress, _o: DialOptions): Promise<net.Socket> {
  throw new Fault('INTERNAL', 'not built')
}
