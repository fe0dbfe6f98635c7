import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import { Authority, type AuthorityMaterial, createAuthority } from '../../pki/authority.ts'
import { createKeyAndCsr } from '../../pki/csr.ts'
import type { Vault } from '../../pki/vault.ts'
import type { Store } from '../../store/store.ts'
import { issueFor } from './issue.ts'
import type { KeyringVault } from './keyring.ts'

/** The tenant's own: its name, its CA, and the place its secrets are sealed in. */
export interface Tenant {
  readonly id: string
  readonly authority: Authority
  readonly secrets: KeyringVault
}

/** Opens what is kept, or makes tenant and CA on the first run. @throws {Fault} MASTER_KEY. */
export async function openTenant(store: Store, vault: Vault, clock: Clock): Promise<Tenant> {
  const secrets: KeyringVault = {
    async read(name) {
      const sealed = await store.secrets.get(name)
      return sealed === undefined ? undefined : vault.open(name, sealed)
    },
    write: (name, plain) => store.secrets.put(name, vault.seal(name, plain)),
  }
  const kept = await secrets.read('tenant')
  if (kept !== undefined) {
    const { id, material } = JSON.parse(kept.toString('utf8')) as { id: string; material: AuthorityMaterial }
    return { id, authority: await Authority.load(id, material), secrets }
  }
  const id = newId('tnt', clock.nowMs())
  const material = await createAuthority(id, clock.nowMs())
  await secrets.write('tenant', Buffer.from(JSON.stringify({ id, material })))
  return { id, authority: await Authority.load(id, material), secrets }
}

/** A fresh certificate for the control plane itself; its key never leaves memory. `names` are those it is reached by. */
export async function controlCredentials(
  tenant: Tenant,
  names: string[],
  clock: Clock,
): Promise<Credentials> {
  const id = newId('ctl', clock.nowMs())
  const { keyPem, csrPem } = await createKeyAndCsr(id)
  const identity = { tenant: tenant.id, role: 'control', id } as const
  const issued = await issueFor({ authority: tenant.authority, clock }, identity, csrPem, { names })
  return {
    identity,
    keyPem,
    certificate: issued.certificate,
    rootPem: tenant.authority.rootPem,
    notAfterMs: issued.notAfterMs,
    generation: 1,
  }
}
