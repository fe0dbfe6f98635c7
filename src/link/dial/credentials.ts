import type { Identity } from '../../pki/identity.ts'

/** What a part of Backstitch proves itself with: its leaf certificate, the key of it, and the root it trusts. */
export interface Credentials {
  readonly identity: Identity
  readonly keyPem: string
  /** Leaf, then intermediate, PEM. */
  readonly certificate: string
  readonly rootPem: string
  readonly notAfterMs: number
  /** Counts the certificates this identity has held. */
  readonly generation: number
}

/** Where an edge listens; or, for the edge beside it, the control plane. */
export interface EdgeAddress {
  readonly host: string
  readonly port: number
  /** Fixed addresses: the name is then not resolved. */
  readonly addresses?: readonly string[]
  /** A second port, for control connections only: tried first, never needed. */
  readonly controlPort?: number
  /** Unix socket of the control plane on this machine: host and port are then only its name. */
  readonly socket?: string
}
