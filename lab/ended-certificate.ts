/**
 * Certificates that have ended, and such as are about to be renewed: what is held by a machine that was off for a week.
 * They are signed by the CA of the lab, for the key of their holder, in the way of every other; only the day is another.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { systemClock } from '../src/base/clock.ts'
import type { ConnectorIdentity } from '../src/connector/enrol/identity.ts'
import { openTenant } from '../src/control/base/tenant.ts'
import type { Identity } from '../src/pki/identity.ts'
import { loadMasterKey } from '../src/pki/master-key.ts'
import { Vault } from '../src/pki/vault.ts'
import { openStore } from '../src/store/store.ts'
import type { LabConnector } from './connector.ts'
import type { Lab } from './lab.ts'
import { labProgram, NODE } from './paths.ts'

const DAY_MS = 86_400_000
const LIFE_MS = { client: DAY_MS, connector: 7 * DAY_MS }
/** Since it has ended. */
const OFF_MS = 2 * DAY_MS

/** Of the user's client, which must not be running. */
export async function endCertificate(lab: Lab): Promise<void> {
  const { profile } = lab.client
  const identity = { tenant: profile.tenant, role: 'client', id: profile.deviceId } as const
  const file = path.join(lab.client.stateDir, 'profile.json')
  writeFileSync(file, JSON.stringify({ ...profile, ...(await ended(lab, identity, profile.csrPem)) }))
}

/** Of a connector that is not running. */
export async function endIdentity(lab: Lab, connector: LabConnector): Promise<void> {
  const stored = await identityOf(connector)
  const identity = { tenant: stored.tenant, role: 'connector', id: stored.id } as const
  await store(connector, { ...stored, ...(await ended(lab, identity, stored.csrPem)) })
}

/** A connector that is not running renews its certificate as soon as it is started. */
export async function ageIdentity(connector: LabConnector): Promise<void> {
  const stored = await identityOf(connector)
  const receivedMs = stored.notAfterMs - (stored.notAfterMs - Date.now()) * 4
  await store(connector, { ...stored, receivedMs })
}

async function ended(lab: Lab, identity: Identity & { role: keyof typeof LIFE_MS }, csrPem: string) {
  const state = path.join(lab.machines.edge.dir, 'server')
  const { key } = await loadMasterKey({ file: path.join(state, 'master.key') })
  await using store = await openStore({ file: path.join(state, 'backstitch.db') })
  const { authority } = await openTenant(store, new Vault(key), systemClock)
  const lifeMs = LIFE_MS[identity.role]
  const receivedMs = Date.now() - OFF_MS - lifeMs
  const { certificate, notAfterMs } = await authority.issue({ csrPem, identity, lifeMs, nowMs: receivedMs })
  return { certificate, notAfterMs, receivedMs }
}

async function identityOf({ machine, stateDir }: LabConnector): Promise<ConnectorIdentity> {
  const main = labProgram('identity-main')
  const gathered = path.join(machine.dir, 'machine.json')
  return JSON.parse(await machine.succeed(NODE, main, stateDir, gathered)) as ConnectorIdentity
}

/** Open, as on a machine that has no factors: it is sealed at the next start. */
async function store({ machine, stateDir, user }: LabConnector, identity: ConnectorIdentity): Promise<void> {
  const about = `connector ${identity.id} of tenant ${identity.tenant}`
  const file = path.join(stateDir, 'identity.json')
  writeFileSync(file, JSON.stringify({ format: 1, about, plain: JSON.stringify(identity) }))
  await machine.succeed('chown', `${user}:${user}`, file)
}
