import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FAULTS, Fault, type FaultCode } from '../base/faults.ts'
import {
  decodeOpen,
  decodeOpened,
  decodeReset,
  encodeOpen,
  encodeOpened,
  encodeReset,
  grantReference,
  type Open,
  type Opened,
  type Reset,
} from './open.ts'
import { host } from './values.ts'

const text = (alphabet: string, o: { minLength: number; maxLength: number }) =>
  fc.string({ unit: fc.constantFrom(...alphabet), ...o })
const HEX = '0123456789abcdef'
const ID = '0123456789abcdefghijklmnopqrstuvwxyz'
const HOST = `${ID}.-:`

const PLAIN = { noNullPrototype: true } as const
const open: fc.Arbitrary<Open> = fc.record(
  {
    session: text(ID, { minLength: 26, maxLength: 26 }).map((id) => `ses_${id}`),
    grant: text(HEX, { minLength: 32, maxLength: 32 }),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    host: text(HOST, { minLength: 1, maxLength: 253 }).filter((host) => !host.endsWith('.')),
    absolute: fc.constant(true as const),
    port: fc.integer({ min: 1, max: 65_535 }),
  },
  { ...PLAIN, requiredKeys: ['session', 'grant', 'protocol', 'host', 'port'] },
)
const opened: fc.Arbitrary<Opened> = fc.record(
  {
    dnsUs: fc.integer({ min: 0, max: 0xffff_ffff }),
    connectUs: fc.integer({ min: 0, max: 0xffff_ffff }),
    address: text(HOST, { minLength: 0, maxLength: 45 }),
  },
  PLAIN,
)
const reset: fc.Arbitrary<Reset> = fc.record(
  {
    code: fc.constantFrom(...(Object.keys(FAULTS) as FaultCode[])),
    detail: fc.string({ unit: 'binary', maxLength: 200 }),
  },
  PLAIN,
)

interface Codec<T> {
  readonly name: string
  readonly value: fc.Arbitrary<T>
  encode(value: T): Buffer
  decode(bytes: Buffer): T
}
const codec = <T>(one: Codec<T>): Codec<unknown> => one as Codec<unknown>
const CODECS = [
  codec({ name: 'OPEN', value: open, encode: encodeOpen, decode: decodeOpen }),
  codec({ name: 'OPENED', value: opened, encode: encodeOpened, decode: decodeOpened }),
  codec({ name: 'RESET', value: reset, encode: encodeReset, decode: decodeReset }),
]

/** What the bytes say, or undefined when they are refused in the one way allowed. */
function read<T>({ decode }: Codec<T>, bytes: Buffer): T | undefined {
  try {
    return decode(bytes)
  } catch (thrown) {
    assert.ok(thrown instanceof Fault && thrown.code === 'PROTOCOL_ERROR', String(thrown))
    return undefined
  }
}

for (const one of CODECS) {
  test(`${one.name} reads back as it was written`, () => {
    fc.assert(
      fc.property(one.value, (value) => {
        assert.deepEqual(one.decode(one.encode(value)), value)
      }),
    )
  })

  test(`${one.name}: no two byte strings say the same, and none is read loosely`, () => {
    const anyChange = fc.tuple(one.value, fc.nat(), fc.integer({ min: 1, max: 255 }))
    fc.assert(
      fc.property(anyChange, ([value, at, mask]) => {
        const bytes = one.encode(value)
        bytes[at % bytes.length]! ^= mask
        const got = read(one, bytes)
        if (got === undefined) return
        assert.notDeepEqual(got, value)
        // A code of a later version, or text that is no UTF-8, is shown and has no way back.
        if (one.name === 'RESET' && lossy(bytes)) return
        assert.deepEqual(one.encode(got), bytes)
      }),
      { numRuns: 1000 },
    )
  })

  test(`${one.name}: a byte too few or too many is refused, or is text of the detail`, () => {
    fc.assert(
      fc.property(one.value, fc.uint8Array({ minLength: 1, maxLength: 9 }), (value, more) => {
        const bytes = one.encode(value)
        const longer = read(one, Buffer.concat([bytes, more]))
        if (one.name !== 'RESET') {
          assert.equal(longer, undefined)
          for (let length = 0; length < bytes.length; length++)
            assert.equal(read(one, bytes.subarray(0, length)), undefined)
        }
      }),
      { numRuns: 50 },
    )
  })

  test(`${one.name}: whatever the bytes, they are read or refused`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void read(one, Buffer.from(bytes))),
      { numRuns: 500 },
    )
  })
}

function lossy(bytes: Buffer): boolean {
  const code = bytes.toString('latin1', 1, 1 + bytes[0]!)
  const detail = bytes.subarray(1 + bytes[0]!)
  return !(code in FAULTS) || !Buffer.from(detail.toString('utf8')).equals(detail)
}

const GOOD: Open = {
  session: `ses_${'0'.repeat(26)}`,
  grant: grantReference('a grant'),
  protocol: 'tcp',
  host: 'app.example',
  port: 443,
}

test('what would not read back is not written: no byte of other memory leaves', () => {
  const wrong: Partial<Open>[] = [
    { session: 'ses_short' },
    { session: '' },
    { grant: '' },
    { grant: 'ab' },
    { grant: 'g'.repeat(32) },
    { host: '' },
    { host: 'x'.repeat(254) },
    { port: 65_536 },
  ]
  for (const change of wrong)
    assert.throws(() => encodeOpen({ ...GOOD, ...change }), RangeError, JSON.stringify(change))
  assert.throws(() => encodeOpened({ dnsUs: 0, connectUs: 0, address: 'x'.repeat(256) }), RangeError)
})

const HOSTS: { name: string; host: Buffer }[] = [
  { name: 'NUL', host: Buffer.from('app.example\0.evil.example') },
  { name: 'a line break', host: Buffer.from('app.example\r\nx') },
  { name: 'a blank', host: Buffer.from('app example') },
  { name: 'ESC', host: Buffer.from('\x1b[2Japp') },
  { name: 'DEL', host: Buffer.from('app\x7f') },
  { name: 'a right-to-left override', host: Buffer.from('app\u202eelpmaxe') },
  { name: 'bytes above ASCII', host: Buffer.from([0xe9, 0x41]) },
]
for (const { name, host } of HOSTS) {
  test(`OPEN refuses a host with ${name}`, () => {
    const head = encodeOpen({ ...GOOD, host: 'x' })
    const bytes = Buffer.concat([head.subarray(0, -2), Buffer.of(host.length), host])
    assert.equal(read(CODECS[0]!, bytes), undefined)
  })
}

test('whatever OPEN lets in as a host, the schemas of messages take: to the last character', () => {
  for (let length = 1; length <= 255; length++) {
    for (const dot of ['', '.']) {
      const name = Buffer.from('a'.repeat(length - dot.length) + dot)
      const bytes = Buffer.concat([
        encodeOpen({ ...GOOD, host: 'x' }).subarray(0, -2),
        Buffer.of(length),
        name,
      ])
      const open = read(CODECS[0]!, bytes) as Open | undefined
      assert.equal(open !== undefined, length - dot.length <= 253 && length > 0)
      if (open !== undefined) assert.ok(host.safeParse(open.host).success, `${length}${dot}`)
    }
  }
})

test('a detail is cut at 1 024 bytes when written, and refused beyond that when read', () => {
  const cut = encodeReset({ code: 'APP_REFUSED', detail: 'ü'.repeat(5000) })
  assert.equal(cut.length, 1 + 'APP_REFUSED'.length + 1024)
  assert.equal(decodeReset(cut).detail, 'ü'.repeat(512))
  assert.equal(read(CODECS[2]!, Buffer.concat([cut, Buffer.of(0x41)])), undefined)
})

test('a code of a later version is INTERNAL with the code in the text; a name of an object property is no code', () => {
  for (const code of ['NEWER_CODE', 'TOSTRING', '__PROTO__']) {
    const bytes = Buffer.concat([Buffer.of(code.length), Buffer.from(code), Buffer.from('why')])
    assert.deepEqual(decodeReset(bytes), {
      code: 'INTERNAL',
      detail: `${code} (not known to this version): why`,
    })
  }
  const lower = Buffer.concat([Buffer.of(8), Buffer.from('toString')])
  assert.equal(read(CODECS[2]!, lower), undefined)
})
