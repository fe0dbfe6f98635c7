export interface ProvisioningKey {
  readonly edgeHost: string
  /** 443 unless the key says otherwise. */
  readonly edgePort: number
  /** 32 random bytes, base64url. */
  readonly secret: string
  /** SHA-256 of the tenant's root certificate, 32 bytes. */
  readonly pin: Buffer
}
export function formatProvisioningKey(_key: ProvisioningKey): string {
  throw new Error('being written')
}
export function parseProvisioningKey(_text: string): ProvisioningKey {
  throw new Error('being written')
}
export function hashKeySecret(_secret: string): string {
  throw new Error('being written')
}
