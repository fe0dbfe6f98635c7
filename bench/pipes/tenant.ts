/**
 * A tenant of one edge, one client and one connector, written to a file that both programs of this folder read.
 *
 * @module
 */

import type { Credentials } from '../../src/link/dial/credentials.ts'
import { Authority, createAuthority } from '../../src/pki/authority.ts'
import { createKeyAndCsr } from '../../src/pki/csr.ts'
import type { Identity, IdentityRole } from '../../src/pki/identity.ts'
import { exportSigningKey, newSigningKey } from '../../src/pki/signing-keys.ts'

export interface Tenant {
  readonly edge: Credentials
  readonly client: Credentials
  readonly connector: Credentials
  /** Signs tickets. */
  readonly signingKey: { readonly kid: string; readonly pem: string }
  readonly port: number
}

const TENANT = 'bench'
const LIFE_MS = 86_400_000

export async function makeTenant(port: number): Promise<Tenant> {
  const nowMs = Date.now()
  const authority = await Authority.load(TENANT, await createAuthority(TENANT, nowMs))
  const credentials = async (role: IdentityRole): Promise<Credentials> => {
    const identity: Identity = { tenant: TENANT, role, id: `${role}-1` }
    const { keyPem, csrPem } = await createKeyAndCsr(identity.id)
    const issued = await authority.issue({ csrPem, identity, lifeMs: LIFE_MS, nowMs, names: ['127.0.0.1'] })
    const { certificate, notAfterMs } = issued
    return { identity, keyPem, certificate, rootPem: authority.rootPem, notAfterMs, generation: 1 }
  }
  const signingKey = newSigningKey(nowMs)
  return {
    edge: await credentials('edge'),
    client: await credentials('client'),
    connector: await credentials('connector'),
    signingKey: { kid: signingKey.kid, pem: exportSigningKey(signingKey) },
    port,
  }
}
