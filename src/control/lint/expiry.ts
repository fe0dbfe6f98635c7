/** What ends or runs out soon, while somebody still counts on it. */
import type { LintObject } from '../../api/lint.ts'
import { rfc3339 } from '../../base/clock.ts'
import { about, type Findings, findingAbout } from './finding.ts'
import type { LintFacts } from './lint-facts.ts'

/** Agents renew at two thirds of the life of a certificate: with less than this left, renewing has failed. */
const CERTIFICATE_LEFT_SHARE = 0.25
const CONNECTOR_LIFE_MS = 7 * 86_400_000
const EDGE_LIFE_MS = 21 * 86_400_000
/** A key for one machine that ends tomorrow is as it should be; one for many machines is counted on. */
const KEY_LEFT_SHARE = 0.2

export function* keysNearEnd({ keys, nowMs }: LintFacts): Findings {
  for (const key of keys) {
    yield
    const left = key.maxUses - key.uses
    if (key.revoked || left === 0 || key.expiresMs <= nowMs) continue
    const object = about('provisioning-key', key)
    if (key.maxUses > 1 && key.uses / key.maxUses >= 1 - KEY_LEFT_SHARE) {
      yield findingAbout('KEY_EXHAUSTED', object, {
        reason: `${key.uses} of ${key.maxUses} uses are taken`,
        consequence: `after ${left} more, the next machine is refused with KEY_EXHAUSTED`,
      })
    }
    const lifeMs = key.expiresMs - key.createdMs
    if (key.expiresMs - nowMs <= lifeMs * KEY_LEFT_SHARE) {
      yield findingAbout('KEY_EXPIRED', object, {
        reason: `it expires at ${rfc3339(key.expiresMs)}, with ${left} of ${key.maxUses} uses left`,
        consequence: 'a machine that presents it later is refused with KEY_EXPIRED',
      })
    }
  }
}

export function* certificatesNearEnd(facts: LintFacts): Findings {
  for (const record of facts.connectors) {
    yield
    if (record.enabled)
      yield* nearEnd(about('connector', record), record.notAfterMs, CONNECTOR_LIFE_MS, facts)
  }
  for (const edge of facts.declared.edge) {
    yield
    const endMs = facts.edgesEndMs.get(edge.id)
    if (edge.spec.enabled && endMs !== undefined)
      yield* nearEnd(about('edge', edge), endMs, EDGE_LIFE_MS, facts)
  }
}

function* nearEnd(object: LintObject, endMs: number, lifeMs: number, { nowMs }: LintFacts): Findings {
  const leftMs = endMs - nowMs
  if (leftMs > lifeMs * CERTIFICATE_LEFT_SHARE) return
  const ended = leftMs <= 0
  yield findingAbout('CERT_EXPIRED', object, {
    reason: `its certificate ${ended ? 'expired' : 'expires'} at ${rfc3339(endMs)} and was not renewed`,
    consequence: ended
      ? 'it cannot come back without a new provisioning key'
      : 'after that it cannot connect without a new provisioning key',
    fix: ended
      ? `Put a new key into its key file, or delete the ${object.kind} if it is gone.`
      : 'Start it and let it reach the control plane: backstitch doctor on the machine shows what prevents that.',
  })
}
