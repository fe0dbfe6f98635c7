import type { ControlLink } from '../agent/control-link.ts'
import { Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import type { StateDir } from '../base/state-dir.ts'
import { requireOwnCertificate } from '../link/dial/accept-certificate.ts'
import { type EdgeIdentity, saveIdentity } from './edge-identity.ts'

const RENEW_MS = 20_000

/**
 * The next certificate for the key that an edge has, kept when this resolves.
 *
 * @throws {Fault} as ControlLink.request; PROTOCOL_ERROR, STATE_UNWRITABLE.
 */
export async function renewIdentity(
  state: StateDir,
  link: Pick<ControlLink, 'request'>,
  identity: EdgeIdentity,
): Promise<EdgeIdentity> {
  const reply = await link.request({ type: 'renew', id: newId('req'), csr: identity.csrPem }, RENEW_MS)
  if (reply.type !== 'renewed') {
    throw new Fault('PROTOCOL_ERROR', `the answer to renew was ${reply.type}`, { hop: 'control' })
  }
  const { certificate, notAfterMs, generation } = reply
  const { id, tenant, rootPem: root, keyPem } = identity
  requireOwnCertificate({ id, tenant, certificate, root }, { role: 'edge', keyPem })
  const renewed = { ...identity, certificate, notAfterMs, generation, receivedMs: Date.now() }
  await saveIdentity(state, renewed)
  return renewed
}
