import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redact } from './redact.ts'

const PEM = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAsecret\n-----END PRIVATE KEY-----'

/** What is in the text, what must not be in what comes out, and name of the token. */
const SECRETS: [name: string, text: string, secret: string, kind: string][] = [
  ['a PEM key', PEM, 'MC4CAQ', 'private key'],
  ['a PEM key in JSON', JSON.stringify({ keyPem: PEM }), 'MC4CAQ', 'private key'],
  ['a PEM key cut off', PEM.slice(0, 50), 'MC4CAQ', 'private key'],
  ['a JWK', '{"kty":"OKP","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}', 'nWGxne', 'private key'],
  [
    'a provisioning key',
    'key: 1|edge.example:8443|QUFBQUFBQUFBQUFBQUFBQUFBQUFB',
    'QUFBQ',
    'provisioning key',
  ],
  ['an API token', 'token bst_AAAABBBBCCCCDDDDEEEE in use', 'bst_AAAA', 'api token'],
  ['a grant', 'grant=eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c3IifQ.c2lnbmF0dXJl', 'c2lnbmF0dXJl', 'signed token'],
  ['a cookie', 'Cookie: session=abcdef; theme=dark', 'abcdef', 'cookie'],
  ['a cookie in JSON', '{"set-cookie":"session=abcdef; Path=/"}', 'abcdef', 'cookie'],
  ['a header', 'Proxy-Authorization: Basic YW5uOnNlY3JldA==', 'YW5uOn', 'authorization'],
  ['a header in curl', "curl -H 'Authorization: Bearer abcdefghijkl' x", 'abcdefgh', 'authorization'],
  ['a password in a URL', 'HTTPS_PROXY=http://ann:hunter2@proxy:3128', 'hunter2', 'password in an address'],
  ['a proxy file', 'ann:hunter2@proxy.corp:3128\n', 'hunter2', 'password in an address'],
  ['a proxy with an address', 'proxy: ann:hunter2@[2001:db8::1]:3128', 'hunter2', 'password in an address'],
  ['YAML', 'server:\n  password: hunter2\n', 'hunter2', 'secret setting'],
  ['JSON', '{"clientSecret": "hun\\"ter2", "a": 1}', 'ter2', 'secret setting'],
  ['YAML of many lines', 'password: |\n  hunter2\n  and more\nport: 1', 'and more', 'secret setting'],
  ['a quote within quotes', "password: 'it''s hunter2'", 'hunter2', 'secret setting'],
  ['a quote without its end', 'secret: "hunter2', 'hunter2', 'secret setting'],
  ['a short name', 'DB_PASS=hunter2', 'hunter2', 'secret setting'],
  ['a token by its name', '{"token":"abcdefgh"}', 'abcdefgh', 'secret setting'],
  ['an at sign in a password', 'http://ann:hun@ter/2@proxy:3128', 'ter/2', 'password in an address'],
  [
    'a hash of a password',
    '$argon2id$v=19$m=1,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g',
    'aGFzaGhhc2',
    'password hash',
  ],
  ['a master key alone', 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=', 'q83vEj', 'secret of 32 bytes'],
  ['the environment', 'BACKSTITCH_MASTER_KEY=aHVudGVyMg==', 'aHVudGVyMg', 'secret setting'],
]

for (const [name, text, secret, kind] of SECRETS) {
  test(`${name} is taken out, and what is left says so`, () => {
    const { text: left, removed } = redact(`first line\n${text}\nlast line`)
    assert.ok(!left.includes(secret), left)
    assert.equal(removed[0]?.kind, kind)
    assert.ok(left.startsWith('first line\n'))
    assert.equal(left.split('\n')[removed[0]!.line - 1]!.includes('[REDACTED '), true)
    assert.deepEqual(redact(left).text, left, 'once is enough')
  })
}

test('what a person on call needs stays as it is', () => {
  const text = [
    'keyFile: /etc/backstitch/provision_key',
    '2026-05-30T09:12:00Z ERROR edge EGRESS_BLOCKED edge.example:443 no answer in 4 s',
    'SHA-256 pin 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0bfa7b8f3d1c8e7a6b5c4d',
    '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
    'Proxy: proxy.corp:3128 (from /etc/backstitch/proxy)',
    '{"code":"KEY_EXPIRED","hop":"control","key":"key_01abc","uses":1}',
    'resolver 10.0.0.53:53, user 1000:1000',
  ].join('\n')
  assert.deepEqual(redact(text), { text, removed: [] })
})

test('names of people go where that is asked, as whole words', () => {
  const { text, removed } = redact('ada at /home/ada reached adamant.example as ada', { names: ['ada'] })
  assert.equal(
    text,
    '[REDACTED user name] at /home/[REDACTED user name] reached adamant.example as [REDACTED user name]',
  )
  assert.equal(removed.length, 3)
})

test('a long hostile text costs little time', () => {
  const startedAt = performance.now()
  for (const text of [
    'a'.repeat(500_000),
    'a:'.repeat(200_000),
    '-----BEGIN PRIVATE KEY-----'.repeat(2000),
    '1|'.repeat(200_000),
    'password'.repeat(50_000),
  ]) {
    redact(text)
  }
  assert.ok(performance.now() - startedAt < 3000)
})
