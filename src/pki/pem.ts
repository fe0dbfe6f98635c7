import { X509Certificate } from 'node:crypto'

/** The certificates of a PEM text, in its order. What cannot be read is left out. */
export function certificatesIn(pem: string): X509Certificate[] {
  const parts = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  return parts.flatMap((part) => {
    try {
      return [new X509Certificate(part)]
    } catch {
      return []
    }
  })
}
