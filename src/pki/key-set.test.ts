import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { before, test } from 'node:test'
import { SignJWT } from 'jose'
import {
  type HandshakeTenant,
  type Held,
  HOUR_MS,
  hold,
  nowMs,
  tenant,
  writeCertificate,
} from './handshake.fixture.ts'
import { type Identity, type IdentityRole, keySetUri } from './identity.ts'
import { type KeySetExpectation, MAX_KEY_SET_CHARS, signKeySet, verifyKeySet } from './key-set.ts'
import { type KeyPurpose, newSigningKey } from './signing-keys.ts'
import { KEY_SET_USAGE } from './usages.ts'

let ours: HandshakeTenant
let foreign: HandshakeTenant
const key = newSigningKey(nowMs)
const mine = newSigningKey(nowMs)

before(async () => {
  ours = await tenant('tnt_a')
  foreign = await tenant('tnt_a') // the same name, other keys
})

const set = (o: { purpose?: KeyPurpose; issuedMs?: number; lifeMs?: number; nowMs?: number } = {}) => ({
  ...{ tenant: 'tnt_a', purpose: 'grant' as const, keys: [key.publicJwk] },
  ...{ issuedMs: nowMs, lifeMs: 24 * HOUR_MS, nowMs },
  ...o,
})
const signed = async (of: HandshakeTenant, o?: Parameters<typeof set>[0]) =>
  (await signKeySet(of.authority, set(o))).jws
const verify = (jws: string, o: Partial<KeySetExpectation> = {}) =>
  verifyKeySet(jws, {
    ...{ tenant: 'tnt_a', rootPem: ours.material.rootCert, purpose: 'grant', newestMs: 0, nowMs },
    ...o,
  })
const refused = { code: 'PEER_REFUSED', hop: 'control' }

/** A set of keys of the attacker's own, signed with whatever he has. */
async function forged(by: Held, o: { header?: object; x5c?: string[]; uri?: string; alg?: string } = {}) {
  const { alg = 'ES256', uri = keySetUri('tnt_a', 'grant') } = o
  const x5c = o.x5c ?? chainOf(by)
  const end = nowMs + HOUR_MS
  const body = {
    ...{ id: 'kst_1', tenant: 'tnt_a', purpose: 'grant', keys: [mine.publicJwk], issuedMs: nowMs },
    expiresMs: end,
  }
  return new SignJWT({ body })
    .setProtectedHeader({ alg, typ: 'bs-keys+jwt', x5c, ...o.header })
    .setIssuer('backstitch://tnt_a/control')
    .setAudience(uri)
    .setJti('kst_1')
    .setIssuedAt(nowMs / 1000)
    .setNotBefore(nowMs / 1000 - 60)
    .setExpirationTime(end / 1000)
    .sign(createPrivateKey(by.key))
}

const chainOf = ({ cert }: Held) =>
  cert
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((one) => one.includes('BEGIN'))
    .slice(0, 2)
    .map((pem) => new X509Certificate(pem).raw.toString('base64'))

test('the keys of a set that the tenant has signed for this are taken, and say what they are for', async () => {
  const { keys, issuedMs, expiresMs } = await verify(await signed(ours))
  assert.equal(keys.purpose, 'grant')
  assert.deepEqual([...keys.byKid.keys()], [key.kid])
  assert.equal(issuedMs, nowMs)
  assert.ok(expiresMs > nowMs + 23 * HOUR_MS)
})

for (const role of ['edge', 'control', 'connector', 'client'] as IdentityRole[]) {
  test(`the certificate of role ${role} signs no keys`, async () => {
    const identity: Identity = { tenant: 'tnt_a', role, id: 'x_1' }
    await assert.rejects(verify(await forged(await hold(ours, identity))), refused)
  })
}

test('a set written by hand with the certificate that may is taken, so that what follows fails for its own reason', async () => {
  const { material } = ours
  const by = await writeCertificate({
    ...{ issuerPem: material.intermediateCert, signingKeyPem: material.intermediateKey },
    ...{ uris: [keySetUri('tnt_a', 'grant')], usages: [KEY_SET_USAGE] },
  })
  assert.deepEqual([...(await verify(await forged(by))).keys.byKid.keys()], [mine.kid])
  const [leaf = '', intermediate = ''] = chainOf(by)
  const wrong = {
    'no certificate': { x5c: [] },
    'the leaf alone': { x5c: [leaf] },
    'one more': { x5c: [leaf, intermediate, intermediate] },
    'the other way round': { x5c: [intermediate, leaf] },
    'no certificate in it': { x5c: ['AAAA', intermediate] },
    'another type': { header: { typ: 'bs-grant+jwt' } },
    'another reader': { uri: keySetUri('tnt_a', 'ticket') },
  }
  for (const [name, o] of Object.entries(wrong))
    await assert.rejects(verify(await forged(by, o)), refused, name)
})

const KINDS: [name: string, o: { uris: string[]; usages: string[] }][] = [
  ['of an identity', { uris: ['backstitch://tnt_a/edge/edg_1'], usages: [KEY_SET_USAGE] }],
  ['of two names', { uris: [keySetUri('tnt_a', 'grant'), 'https://a'], usages: [KEY_SET_USAGE] }],
  ['for tickets', { uris: [keySetUri('tnt_a', 'ticket')], usages: [KEY_SET_USAGE] }],
  ['of another tenant', { uris: [keySetUri('tnt_b', 'grant')], usages: [KEY_SET_USAGE] }],
  ['for TLS', { uris: [keySetUri('tnt_a', 'grant')], usages: ['1.3.6.1.5.5.7.3.2'] }],
  ['for TLS as well', { uris: [keySetUri('tnt_a', 'grant')], usages: [KEY_SET_USAGE, '1.3.6.1.5.5.7.3.1'] }],
]
for (const [name, o] of KINDS) {
  test(`a certificate of our CA ${name} signs no keys`, async () => {
    const { intermediateCert: issuerPem, intermediateKey: signingKeyPem } = ours.material
    await assert.rejects(
      verify(await forged(await writeCertificate({ issuerPem, signingKeyPem, ...o }))),
      refused,
    )
  })
}

test('nor does one that a leaf has signed, or that only claims our intermediate', async () => {
  const edge = await hold(ours, { tenant: 'tnt_a', role: 'edge', id: 'edg_1' })
  const o = { uris: [keySetUri('tnt_a', 'grant')], usages: [KEY_SET_USAGE] }
  const below = await writeCertificate({ issuerPem: edge.leaf, signingKeyPem: edge.key, ...o })
  const x5c = [chainOf(below)[0]!, chainOf(edge)[0]!]
  await assert.rejects(verify(await forged(below, { x5c })), refused)
  const { intermediateCert } = ours.material
  const claimed = await writeCertificate({
    ...{ issuerPem: intermediateCert, signingKeyPem: foreign.material.intermediateKey },
    ...o,
  })
  await assert.rejects(verify(await forged(claimed)), refused)
})

test('a set of another root, tenant or purpose is refused', async () => {
  await assert.rejects(verify(await signed(foreign)), refused)
  await assert.rejects(verify(await signed(ours), { tenant: 'tnt_b' }), refused)
  await assert.rejects(verify(await signed(ours), { purpose: 'ticket' }), refused)
  await assert.rejects(verify(await signed(ours, { purpose: 'ticket' })), refused)
})

test('a set that was changed, is signed with something else or is too long is refused', async () => {
  const jws = await signed(ours)
  const [head = '', body = '', signature = ''] = jws.split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
  claims.body.keys = [mine.publicJwk]
  const other = Buffer.from(JSON.stringify(claims)).toString('base64url')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString())
  const none = Buffer.from(JSON.stringify({ ...header, alg: 'none' })).toString('base64url')
  for (const spoilt of [
    ...[`${head}.${other}.${signature}`, `${none}.${other}.`, `${head}.${body}`, '', 'a.b.c'],
    `${jws}${'A'.repeat(MAX_KEY_SET_CHARS)}`,
  ]) {
    await assert.rejects(verify(spoilt), refused)
  }
  const ed = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const edge = await hold(ours, { tenant: 'tnt_a', role: 'edge', id: 'edg_1' })
  await assert.rejects(verify(await forged({ ...edge, key: ed }, { alg: 'EdDSA' })), refused)
})

test('a set that is over, or of the future, is refused, and the words say which clock', async () => {
  const jws = await signed(ours)
  await verify(jws, { nowMs: nowMs - 14 * 60_000 })
  await assert.rejects(verify(jws, { nowMs: nowMs - 16 * 60_000 }), { code: 'CLOCK_SKEW' })
  await assert.rejects(verify(jws, { nowMs: nowMs + 25 * HOUR_MS }), { code: 'EDGE_CERT_EXPIRED' })
  await assert.rejects(verify(await signed(ours, { issuedMs: nowMs + HOUR_MS })), { code: 'CLOCK_SKEW' })
})

test('an older set than the one that is known is refused, the same one is not', async () => {
  const jws = await signed(ours, { issuedMs: nowMs - 1000 })
  await verify(jws, { newestMs: nowMs - 1000 })
  await assert.rejects(verify(jws, { newestMs: nowMs - 999 }), (thrown: { code: string; detail: string }) => {
    assert.equal(thrown.code, 'PEER_REFUSED')
    assert.match(thrown.detail, /older than the known one/)
    return true
  })
  await verify(jws, { newestMs: nowMs + HOUR_MS }) // remembered by a clock that was an hour fast
})
