import assert from 'node:assert/strict'
import { createHmac, type KeyObject, sign } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Grant, MAX_GRANT_CHARS, signGrant, verifyGrant } from './grant.ts'
import { newSigningKey, type VerifyKeys, verifyKeys } from './signing-keys.ts'
import { signTicket } from './ticket.ts'

const nowMs = Date.parse('2026-11-20T10:00:00.250Z')
const key = newSigningKey(nowMs)
const keys = verifyKeys('grant', [key.publicJwk])
const grant: Grant = {
  id: 'grt_1',
  tenant: 'tnt_a',
  user: 'usr_1',
  userName: 'Ann Örtlich',
  device: 'dev_1',
  thumbprint: 'ab'.repeat(32),
  connector: 'con_1',
  segment: 'seg_1',
  segmentName: 'wiki',
  rule: 'rul_1',
  hosts: ['*.example.com'],
  cidrs: ['10.0.0.0/8'],
  addressCidrs: [],
  tcp: [[443, 443]],
  udp: [],
  issuedMs: nowMs,
  expiresMs: nowMs + 600_000,
}
const expect = { tenant: 'tnt_a', connector: 'con_1', thumbprint: 'ab'.repeat(32), nowMs }
const verify = (jws: string, o: Partial<typeof expect> = {}, by: VerifyKeys = keys) =>
  verifyGrant(by, jws, { ...expect, ...o })
const invalid = { name: 'Fault', code: 'GRANT_INVALID' }

test('a grant reads back whole', async () => {
  assert.deepEqual(await verify(await signGrant(key, grant)), grant)
})

test('it is for one tenant, one connector and one certificate', async () => {
  const jws = await signGrant(key, grant)
  await assert.rejects(verify(jws, { tenant: 'tnt_b' }), invalid)
  await assert.rejects(verify(jws, { connector: 'con_2' }), invalid)
  await assert.rejects(verify(jws, { thumbprint: 'ac'.repeat(32) }), invalid)
  await assert.rejects(verify(jws, { thumbprint: 'ab'.repeat(31) }), invalid)
  await assert.rejects(verify(jws, { thumbprint: '' }), invalid)
})

test('its life ends to the millisecond, and ended is told from forged', async () => {
  const jws = await signGrant(key, grant)
  await verify(jws, { nowMs: grant.expiresMs - 1 })
  for (const late of [0, 1, 1000, 86_400_000]) {
    await assert.rejects(verify(jws, { nowMs: grant.expiresMs + late }), { code: 'GRANT_EXPIRED' })
  }
})

test('a connector whose clock is a little behind accepts it, one far behind does not', async () => {
  const jws = await signGrant(key, grant)
  await verify(jws, { nowMs: nowMs - 14 * 60_000 })
  await assert.rejects(verify(jws, { nowMs: nowMs - 16 * 60_000 }), invalid)
})

test('keys overlap: after a rotation the old one verifies until it is withdrawn', async () => {
  const next = newSigningKey(nowMs + 1)
  const [before, after] = [await signGrant(key, grant), await signGrant(next, grant)]
  const both = verifyKeys('grant', [next.publicJwk, key.publicJwk])
  await verify(before, {}, both)
  await verify(after, {}, both)
  const later = verifyKeys('grant', [next.publicJwk])
  await assert.rejects(verify(before, {}, later), invalid)
  await verify(after, {}, later)
})

test('a key of another control plane under the same kid signs nothing here', async () => {
  const stranger = { ...newSigningKey(nowMs), kid: key.kid }
  await assert.rejects(verify(await signGrant(stranger, grant)), invalid)
})

test('a ticket never passes for a grant', async () => {
  const ticket = await signTicket(key, {
    id: 'grt_1',
    tenant: 'tnt_a',
    pipe: 'pip_1',
    side: 'client',
    holder: 'backstitch://tnt_a/client/dev_1',
    peer: 'backstitch://tnt_a/connector/con_1',
    edge: 'con_1',
    session: 'ses_1',
    expiresMs: grant.expiresMs,
  })
  await assert.rejects(verify(ticket), invalid)
})

// ── forged by hand, without the library that verifies ───────────────────────────────────────────────

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const HEADER = { alg: 'EdDSA', typ: 'bs-grant+jwt', kid: key.kid }
/** Networks are signed in fewer bytes. */
const asSigned = { ...grant, addressCidrs: '' }
const CLAIMS = {
  body: asSigned,
  iss: 'backstitch://tnt_a/control',
  aud: 'backstitch://tnt_a/connector/con_1',
  jti: grant.id,
  iat: Math.floor(nowMs / 1000),
  nbf: Math.floor(nowMs / 1000),
  exp: Math.ceil(grant.expiresMs / 1000),
}
function forge(
  header: object,
  claims: object,
  signer: (input: Buffer) => Buffer = signed(key.privateKey),
): string {
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${signer(Buffer.from(input)).toString('base64url')}`
}
const signed = (by: KeyObject) => (input: Buffer) => sign(null, input, by)
const publicKeyBytes = Buffer.from(key.publicJwk.x, 'base64url')
const publicPem = keys.byKid.get(key.kid)!.export({ type: 'spki', format: 'pem' })
const hmac = (secret: string | Buffer) => (input: Buffer) =>
  createHmac('sha256', secret).update(input).digest()

test('the hand-made token is accepted when nothing is wrong with it', async () => {
  assert.deepEqual(await verify(forge(HEADER, CLAIMS)), grant)
})

const stranger = newSigningKey(nowMs)
const { body: _, ...without } = CLAIMS
const FORGED: [name: string, jws: string][] = [
  ['alg none', `${part({ ...HEADER, alg: 'none' })}.${part(CLAIMS)}.`],
  ['alg none with a signature', forge({ ...HEADER, alg: 'none' }, CLAIMS)],
  ['no signature', forge(HEADER, CLAIMS, () => Buffer.alloc(0))],
  ['HS256 with the public key as secret', forge({ ...HEADER, alg: 'HS256' }, CLAIMS, hmac(publicKeyBytes))],
  [
    'HS256 with the public PEM as secret',
    forge({ ...HEADER, alg: 'HS256' }, CLAIMS, hmac(publicPem.toString())),
  ],
  ['another alg', forge({ ...HEADER, alg: 'ES256' }, CLAIMS)],
  ['no alg', forge({ typ: HEADER.typ, kid: key.kid }, CLAIMS)],
  ['another typ', forge({ ...HEADER, typ: 'bs-ticket+jwt' }, CLAIMS)],
  ['typ JWT', forge({ ...HEADER, typ: 'JWT' }, CLAIMS)],
  ['no typ', forge({ alg: 'EdDSA', kid: key.kid }, CLAIMS)],
  ['no kid', forge({ alg: 'EdDSA', typ: HEADER.typ }, CLAIMS)],
  ['an unknown kid', forge({ ...HEADER, kid: 'key_x' }, CLAIMS)],
  ['kid __proto__', forge({ ...HEADER, kid: '__proto__' }, CLAIMS)],
  [
    'a key it brings itself',
    forge({ ...HEADER, jwk: stranger.publicJwk }, CLAIMS, signed(stranger.privateKey)),
  ],
  ['an extension it calls critical', forge({ ...HEADER, crit: ['x'], x: 1 }, CLAIMS)],
  ['payload not encoded', forge({ ...HEADER, crit: ['b64'], b64: false }, CLAIMS)],
  ['another issuer', forge(HEADER, { ...CLAIMS, iss: 'backstitch://tnt_b/control' })],
  ['another audience', forge(HEADER, { ...CLAIMS, aud: 'backstitch://tnt_a/connector/con_2' })],
  ['an edge as audience', forge(HEADER, { ...CLAIMS, aud: 'backstitch://tnt_a/edge/con_1' })],
  ['no audience', forge(HEADER, { ...CLAIMS, aud: undefined })],
  ['no end', forge(HEADER, { ...CLAIMS, exp: undefined })],
  ['an end that is text', forge(HEADER, { ...CLAIMS, exp: '9999999999' })],
  ['no beginning', forge(HEADER, { ...CLAIMS, nbf: undefined })],
  ['another id inside', forge(HEADER, { ...CLAIMS, jti: 'grt_2' })],
  ['no body', forge(HEADER, without)],
  ['a body of another tenant', forge(HEADER, { ...CLAIMS, body: { ...asSigned, tenant: 'tnt_b' } })],
  ['a body for another connector', forge(HEADER, { ...CLAIMS, body: { ...asSigned, connector: 'con_2' } })],
  ['a body with a field more', forge(HEADER, { ...CLAIMS, body: { ...asSigned, admin: true } })],
  ['a body with a port as text', forge(HEADER, { ...CLAIMS, body: { ...asSigned, tcp: [['1', '2']] } })],
  ['a body without hosts', forge(HEADER, { ...CLAIMS, body: { ...asSigned, hosts: undefined } })],
  ['nothing', ''],
  ['dots', '..'],
  ['no JSON', 'YQ.YQ.YQ'],
  ['JSON of another kind', `${part([])}.${part([])}.AA`],
  ['far too long', `${forge(HEADER, CLAIMS)}${'A'.repeat(1_000_000)}`],
]
for (const [name, jws] of FORGED) {
  test(`a forged grant is refused: ${name}`, async () => {
    await assert.rejects(verify(jws), invalid)
  })
}

test('an expired body is refused even where the outer claims say it lives', async () => {
  const claims = { ...CLAIMS, exp: CLAIMS.exp + 1000, body: { ...asSigned, expiresMs: nowMs } }
  await assert.rejects(verify(forge(HEADER, claims)), { code: 'GRANT_EXPIRED' })
})

test('property: a changed character is refused, or the grant is the same', async () => {
  const jws = await signGrant(key, grant)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(jws.length - 1),
      fc.string({ unit: 'binary', minLength: 0, maxLength: 2 }),
      async (at, by) => {
        const changed = jws.slice(0, at) + by + jws.slice(at + 1)
        try {
          assert.deepEqual(await verify(changed), grant)
        } catch (thrown) {
          assert.equal((thrown as { code: string }).code, 'GRANT_INVALID')
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('a segment with as many networks and ports as it may have has a grant that one frame takes', async () => {
  const networks = Array.from(
    { length: 256 },
    (_, i) => `fd00:1234:5678:9abc:def0:1234:5678:${(4096 + i).toString(16)}/128`,
  )
  const ports = Array.from({ length: 64 }, (_, i): [number, number] => [60_000 + 2 * i, 60_001 + 2 * i])
  const name = 'x'.repeat(128)
  const large = {
    ...{ ...grant, addressCidrs: networks, tcp: ports, udp: ports, hosts: ['x'.repeat(253)] },
    ...{ userName: name, segmentName: name },
  }
  const jws = await signGrant(key, large)
  assert.ok(jws.length <= 16_376, 'the longest GRANT frame')
  assert.deepEqual(await verify(jws), large)
})

test('a grant too long for its readers is refused when it is signed', async () => {
  const hosts = Array.from({ length: 300 }, (_, i) => `host-with-a-long-name-${i}.department.example.com`)
  await assert.rejects(signGrant(key, { ...grant, hosts }), (thrown: { code: string; message: string }) => {
    assert.equal(thrown.code, 'INVALID')
    assert.match(thrown.message, new RegExp(String(MAX_GRANT_CHARS)))
    return true
  })
})

test('no refusal quotes the token', async () => {
  const jws = await signGrant({ ...stranger, kid: key.kid }, grant)
  await assert.rejects(verify(jws), (thrown: Error) => {
    assert.ok(!JSON.stringify([thrown.message, thrown]).includes(jws.split('.')[1]!.slice(0, 40)))
    return true
  })
})
