/**
 * What a leaf certificate may be used for (extended key usage): what its role does, and nothing else. The intermediate
 * signs no other combination, and a verifier takes no other.
 *
 * @module
 */
import type { IdentityRole } from './identity.ts'

const SERVER = '1.3.6.1.5.5.7.3.1'
const CLIENT = '1.3.6.1.5.5.7.3.2'

/**
 * Connectors dial edge and control plane, and are the server of the tunnels inside pipes; edges take halves of pipes, and
 * dial the control plane.
 */
export const TLS_USAGES: Readonly<Record<IdentityRole, readonly string[]>> = {
  client: [CLIENT],
  connector: [CLIENT, SERVER],
  edge: [CLIENT, SERVER],
  control: [SERVER],
}

/** To sign the set of keys that verify grants or tickets. Ours alone: an arc made of a UUID (ITU-T X.667). */
export const KEY_SET_USAGE = '2.25.267549589737804371968075653681922376661'
