import * as z from 'zod'
import { credentialsOf, enrolledIdentity, keyPair } from '../../agent/identity/agent-certificate.ts'
import type { EnrolStore } from '../../agent/identity/enrol.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Drift } from '../../pki/seal.ts'
import type { SealedState } from './sealed-state.ts'

const FILE = 'identity.json'
const PENDING_FILE = 'enrolment.json'

/** What enrolment left on this machine, and renewal replaces. */
export const connectorIdentity = z.strictObject({
  ...enrolledIdentity.shape,
  edge: z.strictObject({ host: z.string(), port: z.number() }),
})
export type ConnectorIdentity = z.infer<typeof connectorIdentity>

export async function loadConnectorIdentity(
  sealedState: SealedState,
): Promise<ConnectorIdentity | undefined> {
  const secret = await sealedState.load(FILE)
  return secret === undefined ? undefined : connectorIdentity.parse(JSON.parse(secret))
}

/** As `loadConnectorIdentity`, and changes nothing; with the factors that changed. */
export async function peekIdentity(
  sealedState: SealedState,
): Promise<{ identity: ConnectorIdentity; drifted: readonly Drift[] } | undefined> {
  const found = await sealedState.peek(FILE)
  if (found === undefined) return undefined
  return { identity: connectorIdentity.parse(JSON.parse(found.secret)), drifted: found.drifted }
}

export async function saveConnectorIdentity(
  sealedState: SealedState,
  identity: ConnectorIdentity,
): Promise<void> {
  await sealedState.save(
    FILE,
    `connector ${identity.id} of tenant ${identity.tenant}`,
    JSON.stringify(identity),
  )
}

/** Sealed to this machine, all of it. */
export function connectorEnrolStore(sealedState: SealedState): EnrolStore<ConnectorIdentity> {
  return {
    async pending() {
      const stored = await sealedState.load(PENDING_FILE)
      return stored === undefined ? undefined : keyPair.parse(JSON.parse(stored))
    },
    keepPending: (pair) =>
      sealedState.save(PENDING_FILE, 'an enrolment that is not complete', JSON.stringify(pair)),
    dropPending: () => sealedState.remove(PENDING_FILE),
    save: (identity) => saveConnectorIdentity(sealedState, identity),
  }
}

export function credentialsOfConnector(identity: ConnectorIdentity): Credentials {
  return credentialsOf('connector', identity.id, identity)
}
