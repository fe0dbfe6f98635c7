import { Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import { csrPublicKeyHash } from '../../pki/csr.ts'
import type { CertificateReply, LoginRequest } from '../../wire/control.ts'
import type { Authenticator } from '../authenticator.ts'
import { type CertifyDeps, issueFor, replyOf } from './certify.ts'

/**
 * A person signs in on a device and gets its certificate. The same key of the same user is the same device
 * again; a key that another user's device holds is refused.
 *
 * @throws {Fault} LOGIN_FAILED, RATE_LIMITED, IDENTITY_REVOKED, INVALID (the CSR).
 */
export async function signIn(
  deps: CertifyDeps & { authenticator: Authenticator },
  body: LoginRequest,
  from: string,
): Promise<CertificateReply> {
  const { store, tenant, clock } = deps
  const user = await deps.authenticator.authenticate({ name: body.user, password: body.password, from })
  const publicKeyHash = await csrPublicKeyHash(body.csr)
  return store.transaction(async (tx) => {
    const before = await tx.devices.byPublicKey(publicKeyHash)
    if (before !== undefined && !before.enabled) {
      throw new Fault('IDENTITY_REVOKED', `device ${before.name} (${before.id}) is disabled`)
    }
    if (before !== undefined && before.userId !== user.id) {
      throw new Fault(
        'LOGIN_FAILED',
        'this device key belongs to another user: sign in with a fresh state directory',
      )
    }
    const id = before?.id ?? newId('dev', clock.nowMs())
    const issued = await issueFor(deps, { tenant, role: 'client', id }, body.csr)
    const held = {
      thumbprint: issued.thumbprint,
      serial: issued.serial,
      notAfterMs: issued.notAfterMs,
      generation: (before?.generation ?? 0) + 1,
    }
    const record =
      before === undefined
        ? await tx.devices.create({
            id,
            ...held,
            userId: user.id,
            publicKeyHash,
            host: body.device,
            lastAddress: from,
          })
        : await tx.devices.update(id, { ...held, host: body.device })
    await tx.audit.append({
      actor: `user ${user.id}`,
      action: 'device.sign-in',
      object: `client-device ${id}`,
      detail: { user: body.user, device: record.name, from, serial: issued.serial },
    })
    return replyOf(deps, id, issued, held.generation)
  })
}
