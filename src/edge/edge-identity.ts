/**
 * What a remote edge keeps: key, certificate, and where home is. Not sealed to the machine: it holds no secret of a
 * user, edges are rebuilt on other machines, and a stolen one is shut out by disabling the edge.
 *
 * @module
 */
import * as z from 'zod'
import { credentialsOf, enrolledIdentity } from '../agent/identity/agent-certificate.ts'
import { type IdentityFile, identityFile } from '../agent/identity/identity-file.ts'
import type { StateDir } from '../base/state-dir.ts'
import type { Credentials } from '../link/dial/credentials.ts'

const edgeIdentity = z.strictObject({
  ...enrolledIdentity.shape,
  /** The edge next to the control plane. */
  home: z.strictObject({ host: z.string(), port: z.number() }),
})
export type EdgeIdentity = z.infer<typeof edgeIdentity>

export function edgeIdentityIn(state: StateDir): IdentityFile<EdgeIdentity> {
  return identityFile(state, edgeIdentity, 'edge')
}

export function credentialsOfEdge(identity: EdgeIdentity): Credentials {
  return credentialsOf('edge', identity.id, identity)
}
