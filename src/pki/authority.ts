import type { Identity } from './identity.ts'

/** PEM. */
export interface AuthorityMaterial {
  readonly rootCert: string
  readonly rootKey: string
  readonly intermediateCert: string
  readonly intermediateKey: string
}

export interface IssueOptions {
  readonly csrPem: string
  readonly identity: Identity
  readonly lifeMs: number
  readonly nowMs: number
  /** DNS names or addresses for the SAN, beside the identity. */
  readonly names?: readonly string[]
}

export interface Issued {
  /** Leaf, then intermediate, PEM. */
  readonly certificate: string
  readonly serial: string
  /** SHA-256 of the leaf's DER, hex. */
  readonly thumbprint: string
  readonly notAfterMs: number
  /** SHA-256 of the subject public key info's DER, hex. */
  readonly publicKeyHash: string
}

export async function createAuthority(_tenant: string, _nowMs: number): Promise<AuthorityMaterial> {
  throw new Error('being written')
}

export class Authority {
  declare readonly pin: Buffer
  declare readonly rootPem: string
  declare readonly intermediatePem: string
  static async load(_tenant: string, _material: AuthorityMaterial): Promise<Authority> {
    throw new Error('being written')
  }
  async issue(_o: IssueOptions): Promise<Issued> {
    throw new Error('being written')
  }
}
