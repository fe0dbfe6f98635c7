/**
 * The certificate writer, loaded when a certificate or request is first written: it takes a tenth of a second to load,
 * and an agent that is enrolled starts without it. Reading certificates is `node:crypto` everywhere.
 *
 * @module
 */
import type * as X509 from '@peculiar/x509'

let loading: Promise<typeof X509> | undefined

export function loadX509(): Promise<typeof X509> {
  loading ??= load()
  return loading
}

async function load(): Promise<typeof X509> {
  await import('reflect-metadata') // the writer's dependency injection reads it while it loads
  return import('@peculiar/x509')
}

/** The one key type of certificates here. */
export const CERTIFICATE_KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const
export const CERTIFICATE_SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const
