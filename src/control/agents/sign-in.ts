import { Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import { csrPublicKeyHash } from '../../pki/csr.ts'
import type { CertificateReply, LoginRequest } from '../../wire/control.ts'
import type { Authenticator } from '../base/authenticator.ts'
import { issueFor } from '../base/issue.ts'
import { type CertifyDeps, replyOf } from './certify.ts'

/** How long a sign-in lasts where the server is not told: whoever works every day signs in once a week. */
export const SIGN_IN_MS = 7 * 86_400_000

/**
 * A person signs in on a device and gets its certificate. The same key of the same user is the same device
 * again; a key that another user's device holds is refused.
 *
 * @throws {Fault} LOGIN_FAILED, RATE_LIMITED, IDENTITY_REVOKED, INVALID (the CSR).
 */
export async function signInDevice(
  deps: CertifyDeps & { authenticator: Authenticator; signInMs: number },
  body: LoginRequest,
  from: string,
): Promise<CertificateReply> {
  const { store, tenant, clock } = deps
  const publicKeyHash = await csrPublicKeyHash(body.csr)
  // The request is signed with the key of the device: whoever holds that is no stranger.
  const known = await store.devices.byPublicKey(publicKeyHash)
  const device = known?.enabled ? { id: known.id, userId: known.userId } : undefined
  const user = await deps.authenticator.authenticate({
    ...{ name: body.user, password: body.password, from, device },
  })
  return store.transaction(async (tx) => {
    if (!(await user.stillHolds(tx))) throw new Fault('LOGIN_FAILED', `user ${body.user}`)
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
    const atMs = clock.nowMs()
    // Whole seconds, as certificates have: the last of them ends with it.
    const endMs = Math.floor((atMs + deps.signInMs) / 1000) * 1000
    const issued = await issueFor(deps, { tenant, role: 'client', id }, body.csr, { untilMs: endMs })
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
    await tx.signIns.begin({ userId: user.id, deviceId: id, from, atMs, endMs })
    await tx.audit.append({
      actor: `user ${user.id}`,
      action: 'device.sign-in',
      object: `client-device ${id}`,
      detail: { user: body.user, device: record.name, from, serial: issued.serial, endsMs: endMs },
    })
    return replyOf(deps, id, issued, { ...held, signInEndsMs: endMs })
  })
}
