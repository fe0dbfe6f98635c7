import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Authority } from '../../pki/authority.ts'
import { loadMasterKey } from '../../pki/master-key.ts'
import type { KeyPurpose } from '../../pki/signing-keys.ts'
import { Vault } from '../../pki/vault.ts'
import { DATABASE, MASTER_KEY } from '../../store/backup-file.ts'
import { localBus } from '../../store/bus.ts'
import { openStore, type Store } from '../../store/store.ts'
import { KeySets } from './key-sets.ts'
import { Keyring } from './keyring.ts'
import { cachedPolicy, type PolicyNow } from './policy-now.ts'
import { openTenant, type Tenant } from './tenant.ts'

/** What a control plane has on disk, opened: it is there again after a restart. Whoever has it owns `store`. */
export interface Kept {
  readonly store: Store
  readonly vault: Vault
  readonly tenantParts: Tenant
  readonly tenant: string
  readonly authority: Authority
  readonly policy: PolicyNow
  readonly grantSets: KeySets
  readonly ticketSets: KeySets
  readonly grantKeys: Keyring
  readonly ticketKeys: Keyring
  readonly revokedSerials: Set<string>
}

interface KeptIn {
  readonly stateDir: string
  readonly clock: Clock
  readonly log: Log
}

/** Opens what is kept in a directory that is there, or makes it on the first run. @throws {Fault} MASTER_KEY, STORE_FAILED. */
export async function openKept({ stateDir, clock, log }: KeptIn): Promise<Kept> {
  const file = path.join(stateDir, DATABASE)
  const master = await loadMasterKey({
    file: path.join(stateDir, MASTER_KEY),
    env: process.env.BACKSTITCH_MASTER_KEY,
    sealed: (await hasContent(file)) ? file : undefined,
  })
  const bus = localBus((error) =>
    log.error({ event: 'bus.receiver-failed', err: error }, 'a component could not process a change'),
  )
  const store = await openStore({ file, clock, bus })
  try {
    const vault = new Vault(master.key)
    const tenantParts = await openTenant(store, vault, clock)
    const { id: tenant, authority, secrets } = tenantParts
    const setsOf = async (purpose: KeyPurpose) => {
      const ring = await Keyring.open(purpose, secrets, clock)
      return KeySets.open(ring, { tenant, authority, vault: secrets, clock, log })
    }
    const [grantSets, ticketSets] = [await setsOf('grant'), await setsOf('ticket')]
    const revokedSerials = new Set(await store.revocations.serials(clock.nowMs()))
    return {
      ...{ store, vault, tenantParts, tenant, authority, policy: cachedPolicy(store, log), revokedSerials },
      ...{ grantSets, ticketSets, grantKeys: grantSets.ring, ticketKeys: ticketSets.ring },
    }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

/** A first start that was cut off leaves an empty file at most. */
async function hasContent(file: string): Promise<boolean> {
  return stat(file).then(
    ({ size }) => size > 0,
    () => false,
  )
}
