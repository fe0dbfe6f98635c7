import type { Registry } from 'prom-client'
import { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { ControlPort } from '../link/control-port.ts'
import type { Credentials } from '../link/credentials.ts'
import type { Peer } from '../pki/verify.ts'

export interface EdgeOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly edgeId: string
  /** Identity of role `edge`. */
  readonly credentials: Credentials
  /** PEM. Self-signed and made here when absent; `fingerprint` names it. */
  readonly publicCertificate?: { readonly cert: string; readonly key: string }
  readonly control: ControlPort
  readonly log: Log
  readonly limits?: Partial<EdgeLimits>
  readonly registry?: Registry
}

export interface EdgeLimits {
  /** Connections of one address (IPv6: of one /64). */
  readonly connectionsPerAddress: number
  /** Of those, handshakes not finished. */
  readonly handshakesPerAddress: number
  readonly connections: number
  readonly handshakeMs: number
  readonly pairMs: number
}

export interface EdgeStats {
  readonly connections: number
  readonly handshaking: number
  readonly waiting: number
  readonly pipes: number
  readonly control: number
  readonly refused: Readonly<Record<string, number>>
  readonly draining: boolean
}

/** The service edge: one TCP listener for people, agents and halves of pipes. */
export class Edge implements AsyncDisposable {
  static async open(_options: EdgeOptions): Promise<Edge> {
    throw new Fault('INTERNAL', 'not built')
  }

  get port(): number {
    return 0
  }

  /** SHA-256 of the public certificate, hex with colons, as browsers show it. */
  get fingerprint(): string {
    return ''
  }

  stats(): EdgeStats {
    throw new Fault('INTERNAL', 'not built')
  }

  /** Takes no new pipes; resolves when the live ones ended or `deadlineMs` passed and they were closed. */
  async drain(_deadlineMs: number): Promise<void> {}

  /** Closes the pipes and control connections that a matching peer holds. @returns how many. */
  revoke(_matches: (peer: Peer) => boolean): number {
    return 0
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
