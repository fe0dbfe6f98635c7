/**
 * A device whose certificate has ended: what a laptop holds that was shut on Friday. It is signed by the CA of the lab,
 * for the key of the device, in the way of every other; only the day is another.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { systemClock } from '../src/base/clock.ts'
import { openTenant } from '../src/control/tenant.ts'
import { loadMasterKey } from '../src/pki/master-key.ts'
import { Vault } from '../src/pki/vault.ts'
import { openStore } from '../src/store/store.ts'
import type { Lab } from './lab.ts'

const DAY_MS = 86_400_000
const AGO_MS = 3 * DAY_MS

/** The client must not be running. */
export async function endCertificate(lab: Lab): Promise<void> {
  const state = path.join(lab.machines.edge.dir, 'server')
  const { key } = await loadMasterKey({ file: path.join(state, 'master.key') })
  await using store = await openStore({ file: path.join(state, 'backstitch.db') })
  const { authority } = await openTenant(store, new Vault(key), systemClock)
  const { profile } = lab.client
  const receivedMs = Date.now() - AGO_MS
  const { certificate, notAfterMs } = await authority.issue({
    csrPem: profile.csrPem,
    identity: { tenant: profile.tenant, role: 'client', id: profile.deviceId },
    lifeMs: DAY_MS,
    nowMs: receivedMs,
  })
  const file = path.join(lab.client.stateDir, 'profile.json')
  writeFileSync(file, JSON.stringify({ ...profile, certificate, notAfterMs, receivedMs }))
}
