/**
 * One P-256 authority and two leaf certificates, made with openssl, shared by every TLS peer.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { run } from './isolation.ts'

export interface Certificates {
  readonly authority: string
  readonly user: Leaf
  readonly far: Leaf
}

export interface Leaf {
  readonly certificate: string
  readonly key: string
  /** Certificate and key in one file, the way HAProxy reads them. */
  readonly both: string
}

/** Same suite for everyone, so that the peers differ in design and not in mathematics. */
export const SUITE = 'TLS_AES_256_GCM_SHA384'
export const CURVE = 'X25519'

export function makeCertificates(dir: string): Certificates {
  const at = (name: string) => path.join(dir, name)
  key(at('ca.key'))
  const authority = at('ca.pem')
  run('openssl', [
    'req',
    '-x509',
    '-new',
    '-key',
    at('ca.key'),
    '-subj',
    '/CN=bench',
    '-days',
    '2',
    '-out',
    authority,
  ])
  const leaf = (name: string): Leaf => {
    const files = { certificate: at(`${name}.pem`), key: at(`${name}.key`), both: at(`${name}-both.pem`) }
    key(files.key)
    run('openssl', ['req', '-new', '-key', files.key, '-subj', `/CN=${name}`, '-out', at(`${name}.csr`)])
    writeFileSync(
      at(`${name}.ext`),
      'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n',
    )
    const signed = ['-CA', authority, '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2']
    const request = ['-in', at(`${name}.csr`), '-extfile', at(`${name}.ext`), '-out', files.certificate]
    run('openssl', ['x509', '-req', ...signed, ...request])
    writeFileSync(files.both, readFileSync(files.certificate, 'utf8') + readFileSync(files.key, 'utf8'), {
      mode: 0o600,
    })
    return files
  }
  return { authority, user: leaf('user'), far: leaf('far') }
}

function key(file: string): void {
  run('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file])
}
