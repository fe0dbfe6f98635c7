/**
 * Which side said no in a TLS handshake. OpenSSL names an alert that came from the other end by the version that has it
 * (`ERR_SSL_TLSV1_ALERT_UNKNOWN_CA`); everything else that ends a handshake was found wrong here.
 *
 * @module
 */

/** @returns The alert that the other end sent: `unknown ca`; nothing where it sent none. */
export function alertFromPeer(code: string): string | undefined {
  const [, alert] = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?([A-Z_]+)$/.exec(code) ?? []
  return alert?.toLowerCase().replaceAll('_', ' ')
}

/** Alerts that are about the certificate of whoever gets them. */
const OF_CERTIFICATES: ReadonlySet<string> = new Set([
  'bad certificate',
  'unsupported certificate',
  'certificate revoked',
  'certificate expired',
  'certificate unknown',
  'unknown ca',
  'certificate required',
])

/** How a handshake broke, in words that say which side ended it, and whose certificate that was about. */
export function howItBroke(code: string): string {
  const alert = alertFromPeer(code)
  if (alert === undefined) {
    return code.startsWith('ERR_SSL_')
      ? `this side ended it: the data received is not valid TLS here (${code})`
      : `the connection ended (${code})`
  }
  const about = OF_CERTIFICATES.has(alert) ? ", about this side's certificate" : ''
  return `the other side ended it with the alert "${alert}"${about} (${code})`
}
