import { constants } from 'node:crypto'
import tls from 'node:tls'
import type { IdentityRole } from '../../pki/identity.ts'
import type { Credentials } from './credentials.ts'

/** Post-quantum key shares would make each hello longer than one packet: docs/decisions.md, "Key exchange". */
export const KEY_EXCHANGE = 'X25519:P-256'

const contexts = new WeakMap<Credentials, tls.SecureContext>()

/**
 * The one TLS context of these credentials, for both directions: TLS 1.3 only, trusting the tenant root only,
 * nothing resumed. Made once per `Credentials` object, so hand the same object around.
 *
 * Control plane and edges present the root as well: a peer before enrolment knows it by its hash alone.
 */
export function contextOf(credentials: Credentials): tls.SecureContext {
  let context = contexts.get(credentials)
  if (context === undefined) {
    const { identity, certificate, rootPem, keyPem } = credentials
    const whole = certificate.includes(rootPem.trim()) ? certificate : `${certificate.trimEnd()}\n${rootPem}`
    context = tls.createSecureContext({
      key: keyPem,
      cert: SERVERS.has(identity.role) ? whole : certificate,
      ca: rootPem,
      minVersion: 'TLSv1.3',
      ecdhCurve: KEY_EXCHANGE,
      secureOptions: constants.SSL_OP_NO_TICKET,
    })
    contexts.set(credentials, context)
  }
  return context
}

const SERVERS: ReadonlySet<IdentityRole> = new Set(['control', 'edge'])

let anonymous: tls.SecureContext | undefined

/** For the requests before enrolment: no certificate of our own, no root known; the pin decides afterwards. */
export function anonymousContext(): tls.SecureContext {
  anonymous ??= tls.createSecureContext({
    minVersion: 'TLSv1.3',
    ecdhCurve: KEY_EXCHANGE,
    secureOptions: constants.SSL_OP_NO_TICKET,
  })
  return anonymous
}
