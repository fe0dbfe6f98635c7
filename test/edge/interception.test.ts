import assert from 'node:assert/strict'
import type net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { Fault } from '../../src/base/faults.ts'
import { dialControl } from '../../src/link/control/control-dial.ts'
import { postEnrol } from '../../src/link/control/requests.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { listenHere } from '../../src/link/dial/listen.fixture.ts'
import { bringHalf } from '../../src/link/pipe/handover.ts'
import { createKeyAndCsr } from '../../src/pki/csr.ts'
import { loadX509 } from '../../src/pki/x509.ts'
import { openTestEdge } from './fixture.ts'

const signal = new AbortController().signal

/** A TLS inspection appliance: ends TLS, signs with the CA of the company, and passes all on to the real edge. */
async function openInspection(upstream: number) {
  const x509 = await loadX509()
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const leafKeys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const issuer = 'CN=ACME Web Inspection CA, O=ACME'
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) }
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: issuer,
    ...validity,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  })
  const leaf = await x509.X509CertificateGenerator.create({
    subject: 'CN=127.0.0.1',
    issuer,
    ...validity,
    publicKey: leafKeys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: algorithm,
  })
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', leafKeys.privateKey)).toString('base64')
  const context = tls.createSecureContext({
    cert: `${leaf.toString('pem')}\n${ca.toString('pem')}`,
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----`,
  })
  const outgoing: net.Socket[] = []
  let passed = 0
  const listener = await listenHere((raw) => {
    const inside = new tls.TLSSocket(raw, {
      isServer: true,
      secureContext: context,
      ALPNCallback: ({ protocols }) => protocols[0],
    })
    const outside = tls.connect({ port: upstream, host: '127.0.0.1', rejectUnauthorized: false })
    outgoing.push(outside)
    inside.on('data', (chunk) => {
      passed += chunk.length
      outside.write(chunk)
    })
    outside.on('data', (chunk) => inside.write(chunk))
    for (const socket of [inside, outside]) socket.on('error', () => socket.destroy())
    inside.on('close', () => outside.destroy())
  })
  return {
    port: listener.port,
    passed: () => passed,
    async [Symbol.asyncDispose]() {
      for (const socket of outgoing) socket.destroy()
      await listener[Symbol.asyncDispose]()
    },
  }
}

test('TLS inspection on the way is TLS_INTERCEPTED and names its issuer, and gets not one byte from us', async () => {
  await using t = await openTestEdge()
  await using inspection = await openInspection(t.edge.port)
  const at = { ...t.address, port: inspection.port }
  const o = { egress: DIRECT, signal }
  const { csrPem: csr } = await createKeyAndCsr('test')
  const host = { name: 'h', platform: 'linux', program: 'test' }
  const enrol = { version: 1, secret: 's', csr, host, fingerprint: {}, timeMs: 1 }
  const hello = {
    type: 'hello',
    version: 1,
    program: 'test',
    role: 'connector',
    timeMs: 1,
    host: 'h',
  } as const
  const { client: ticket } = await t.tenant.pipe(at, t.client, t.connector)
  const attempts = {
    enrolment: () => postEnrol(at, t.tenant.authority.pin, enrol, o),
    control: () => dialControl(at, { ...o, credentials: t.connector, hello }),
    pipe: () => bringHalf(ticket, { ...o, credentials: t.client }),
  }
  for (const [name, attempt] of Object.entries(attempts)) {
    const thrown: unknown = await attempt().catch((reason: unknown) => reason)
    assert.ok(thrown instanceof Fault, name)
    assert.equal(thrown.code, 'TLS_INTERCEPTED', name)
    assert.match(String(thrown.seen.issuer), /ACME Web Inspection CA/, name)
  }
  assert.equal(inspection.passed(), 0)
})
