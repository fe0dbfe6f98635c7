/**
 * What connectors and client devices have in common: a certificate, its generation, and what the machine
 * says of itself.
 *
 * @module
 */

/** What a machine says of itself: evidence, never authority. */
export interface HostFacts {
  readonly name: string
  readonly platform: string
  readonly program: string
}

/** The certificate an identity holds now. */
export interface HeldCertificate {
  /** SHA-256 of the certificate, hex. */
  readonly thumbprint: string
  readonly serial: string
  readonly notAfterMs: number
  /** Counts the certificates this identity has held; an older one seen again means a clone. */
  readonly generation: number
}

/** `wanted`, or the first of `wanted-2`, `wanted-3`… that is free; characters no name may have become `-`. */
export async function freeName(wanted: string, taken: (name: string) => Promise<boolean>): Promise<string> {
  const base = wanted
    .replaceAll(/[^A-Za-z0-9._@+-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 100)
  const first = base === '' ? 'unnamed' : base
  for (let number = 1; ; number++) {
    const name = number === 1 ? first : `${first}-${number}`
    if (!(await taken(name))) return name
  }
}

/** Without the fields that are undefined, so that spreading it over a row keeps what the row has. */
export function defined<T extends object>(change: T): T {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as T
}
