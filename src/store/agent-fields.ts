/**
 * What connectors and client devices have in common: a certificate, its generation, and what the machine
 * says of itself.
 *
 * @module
 */

import { looksLikeId } from '../base/ids.ts'

/** What a machine says of itself: evidence, never authority. */
export interface ReportedHost {
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

/**
 * `wanted`, or `wanted-2`, `wanted-3`… where that is taken; characters no name may have become `-`, also those that would
 * make it look like an id: what a machine is called keeps nobody from signing in, and takes nobody's place. Of a thousand
 * machines made from one image each asks a dozen names and not a thousand: the number is doubled until one is free,
 * and then the least free one is looked for below it.
 */
export async function freeName(wanted: string, taken: (name: string) => Promise<boolean>): Promise<string> {
  const base = wanted
    .replaceAll(/[^A-Za-z0-9._@+-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 100)
  const first = base === '' ? 'unnamed' : base
  const numbered = (number: number) => {
    const name = number === 1 ? first : `${first}-${number}`
    return looksLikeId(name) ? name.replace('_', '-') : name
  }
  let free = 1
  while (await taken(numbered(free))) free *= 2
  let last = free >> 1 // Taken, or 0.
  while (free - last > 1) {
    const middle = (free + last) >> 1
    if (await taken(numbered(middle))) last = middle
    else free = middle
  }
  return numbered(free)
}

/** Without the fields that are undefined, so that spreading it over a row keeps what the row has. */
export function defined<T extends object>(change: T): T {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as T
}
