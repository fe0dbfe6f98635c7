import type net from 'node:net'
import type tls from 'node:tls'
import { Fault } from '../base/faults.ts'
import type { Peer } from '../pki/verify.ts'
import type { Credentials } from './credentials.ts'

export interface TunnelOptions {
  readonly credentials: Credentials
  /** Identity URI that must be at the other end, as the pipe ticket names it. */
  readonly peer: string
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

export interface SecureTunnel {
  /** Paused; hand it to a Mux. */
  readonly socket: tls.TLSSocket
  readonly innerTlsUs: number
  readonly peer: Peer
}

export async function tunnelAsClient(_raw: net.Socket, _o: TunnelOptions): Promise<SecureTunnel> {
  throw new Fault('INTERNAL', 'not built')
}

export async function tunnelAsConnector(_raw: net.Socket, _o: TunnelOptions): Promise<SecureTunnel> {
  throw new Fault('INTERNAL', 'not built')
}
