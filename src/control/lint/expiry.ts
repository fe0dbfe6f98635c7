/** What ends or runs out soon, while somebody still counts on it. */
import type { LintFinding } from '../../api/lint.ts'
import { rfc3339 } from '../../base/clock.ts'
import type { LintFacts } from './facts.ts'
import { about, finding } from './finding.ts'

/** Agents renew at two thirds of the life of a certificate: with less than this left, renewing has failed. */
const CERTIFICATE_LEFT_SHARE = 0.25
const CONNECTOR_LIFE_MS = 7 * 86_400_000
/** A key for one machine that ends tomorrow is as it should be; one for many machines is counted on. */
const KEY_LEFT_SHARE = 0.2

export function* keysNearEnd({ keys, nowMs }: LintFacts): Generator<LintFinding> {
  for (const key of keys) {
    const left = key.maxUses - key.uses
    if (key.revoked || left === 0 || key.expiresMs <= nowMs) continue
    const object = about('provisioning-key', key)
    if (key.maxUses > 1 && key.uses / key.maxUses >= 1 - KEY_LEFT_SHARE) {
      yield finding('KEY_EXHAUSTED', object, {
        reason: `${key.uses} of ${key.maxUses} uses are taken`,
        consequence: `after ${left} more the next machine is refused with KEY_EXHAUSTED`,
      })
    }
    const lifeMs = key.expiresMs - key.createdMs
    if (key.expiresMs - nowMs <= lifeMs * KEY_LEFT_SHARE) {
      yield finding('KEY_EXPIRED', object, {
        reason: `it ends at ${rfc3339(key.expiresMs)}, with ${left} of ${key.maxUses} uses left`,
        consequence: 'a machine that comes with it later is refused with KEY_EXPIRED',
      })
    }
  }
}

export function* certificatesNearEnd({ connectors, nowMs }: LintFacts): Generator<LintFinding> {
  for (const { record } of connectors) {
    const leftMs = record.notAfterMs - nowMs
    if (!record.enabled || leftMs > CONNECTOR_LIFE_MS * CERTIFICATE_LEFT_SHARE) continue
    const ended = leftMs <= 0
    yield finding('CERT_EXPIRED', about('connector', record), {
      reason: `its certificate ${ended ? 'ended' : 'ends'} at ${rfc3339(record.notAfterMs)} and was not renewed`,
      consequence: ended
        ? 'it cannot come back without a new provisioning key'
        : 'after that it cannot connect without a new provisioning key',
      fix: ended
        ? 'Put a new key of its group into its key file, or delete the connector if it is gone.'
        : 'Start it and let it reach an edge: backstitch doctor on the machine says what keeps it from that.',
    })
  }
}
