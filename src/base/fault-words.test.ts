import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askAdmin } from './ask-admin.ts'
import { fillIn, PLACEHOLDERS, wordsOf } from './fault-words.ts'
import { FAULTS, type Fault, type FaultCode } from './faults.ts'

/** What stands in capitals in a command and is no word of a language or a protocol. */
const OPEN = /(?<![\w-])[A-Z][A-Z-]*(?![\w-])/g
const NO_PLACEHOLDER = new Set(
  'A CA CIDR CONNECT CONNECTED DNS GET HTTP ICMP ID IP MSS MTU POSTURE SOCKS TCP TLS UDP API'.split(' '),
)
/** Nobody here knows them: a proxy that only its owner can name, a file or token of the person who reads. */
const NOBODY_KNOWS = new Set(['USER', 'PASSWORD', 'HOST', 'PROXY', 'FILE', 'TOKEN'])

test('what a row of the fault table leaves open is one of the placeholders that are filled in, or known to nobody', () => {
  for (const [code, { cause, fix, verify }] of Object.entries(FAULTS)) {
    const words = [cause, fix, verify].flatMap((text) => text.match(OPEN) ?? [])
    const others = words.filter((word) => !NO_PLACEHOLDER.has(word) && !NOBODY_KNOWS.has(word))
    const unknown = others.filter((word) => !(PLACEHOLDERS as readonly string[]).includes(word))
    assert.deepEqual(unknown, [], code)
  }
})

test('with everything known no row has a placeholder left', () => {
  const known = Object.fromEntries(PLACEHOLDERS.map((name) => [name, name.toLowerCase()]))
  for (const code of Object.keys(FAULTS) as FaultCode[]) {
    const { fix, verify } = wordsOf({ code, seen: {} }, known)
    for (const name of PLACEHOLDERS) {
      if (name === 'PORT' && /HOST:PORT|PROXY/.test(fix + verify)) continue
      assert.doesNotMatch(`${fix} ${verify}`, new RegExp(`(?<![\\w-])${name}(?![\\w-])`), code)
    }
  }
})

test('evidence fills in what it names; what is not known stays', () => {
  const seen = { destination: 'wiki.internal tcp 8443', segment: 'wiki', denial: 'den_1' }
  assert.equal(
    wordsOf({ code: 'POLICY_DENIED', seen }).verify,
    'backstitch client connect wiki.internal 8443 opens a session',
  )
  assert.equal(
    wordsOf({ code: 'CLIENT_WRONG_PORT', seen }).verify,
    'backstitch describe segment wiki lists the port',
  )
  assert.match(wordsOf({ code: 'CLIENT_NOT_COVERED', seen }).fix, /backstitch describe denial den_1, and/)
  assert.equal(
    wordsOf({ code: 'KEY_REVOKED', seen: {} }).fix.split(',')[0],
    'backstitch key create --group GROUP',
  )
})

test('a name cannot break out of the command that it is filled into', () => {
  assert.equal(
    fillIn('backstitch describe segment SEGMENT', { SEGMENT: "it's; reboot" }),
    String.raw`backstitch describe segment 'it'\''s; reboot'`,
  )
  assert.equal(
    fillIn('openssl s_client -connect APP:PORT', { APP: 'fd00::1', PORT: 443 }),
    "openssl s_client -connect '[fd00::1]:443'",
  )
})

test('where the evidence tells the cases of a row apart, cause and fix are those of the case', () => {
  const blocked = wordsOf({ code: 'CONTROL_UNREACHABLE', seen: { because: 'EGRESS_BLOCKED', hop: 'edge' } })
  assert.ok(blocked.cause.endsWith(FAULTS.EGRESS_BLOCKED.cause))
  assert.equal(blocked.fix, FAULTS.EGRESS_BLOCKED.fix)
  assert.equal(wordsOf({ code: 'CONTROL_UNREACHABLE', seen: {} }).fix, FAULTS.CONTROL_UNREACHABLE.fix)

  const nobody = (seen: Fault['seen']) => wordsOf({ code: 'NO_HEALTHY_CONNECTOR', seen })
  assert.match(nobody({ members: ['a: it is draining'] }).fix, /^Bring one of them back/)
  assert.doesNotMatch(nobody({ members: [], groupName: 'dc1' }).cause, /reason/, 'there is none')
  const gone = nobody({ members: ['a: an admin deleted it at noon'], deleted: ['a'], groupName: 'dc1' })
  assert.match(gone.fix, /^Enrol a connector: backstitch key create --group dc1,/)
})

test('an admin is named where one sees more than the user', () => {
  const by = { user: 'ada', to: 'wiki:443' }
  const refused = { code: 'APP_REFUSED', hop: 'application', seen: {} } as const
  assert.equal(askAdmin(refused, by), 'backstitch trace ada wiki:443')
  assert.equal(askAdmin({ ...refused, seen: { denial: 'den_1' } }, by), 'backstitch describe denial den_1')
  assert.equal(askAdmin({ code: 'CONTROL_UNREACHABLE', hop: 'edge', seen: {} }, by), undefined)
  assert.equal(askAdmin({ code: 'REAUTH_NEEDED', hop: 'client', seen: {} }, by), undefined)
})

test('an edge that was dialled is named in the command that tries it again', () => {
  const verify = (attempt: string) =>
    wordsOf({ code: 'EGRESS_REJECTED', seen: { attempts: [attempt] } }).verify
  assert.equal(verify('10.0.0.5:444 ECONNREFUSED'), 'nc -zv 10.0.0.5 444 succeeds')
  assert.equal(verify('[2001:db8::5]:443 ECONNREFUSED'), 'nc -zv 2001:db8::5 443 succeeds')
})
