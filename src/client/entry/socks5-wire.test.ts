import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../base/faults.ts'
import {
  MAX_REQUEST_BYTES,
  readDatagram,
  readGreeting,
  readRequest,
  socksReply,
  writeDatagramHeader,
} from './socks5-wire.ts'

const code = (want: string) => (error: unknown) => error instanceof Fault && error.code === want

const name = fc
  .uint8Array({ minLength: 1, maxLength: 255 })
  .map((bytes) => Buffer.from(bytes.map((b) => 0x21 + (b % 94))))
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((raw) => Buffer.from([1, ...raw])),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((raw) => Buffer.from([4, ...raw])),
  name.map((raw) => Buffer.concat([Buffer.from([3, raw.length]), raw])),
)
const request = fc
  .tuple(fc.constantFrom(1, 2, 3), address, fc.integer({ min: 0, max: 65_535 }))
  .map(([command, to, port]) =>
    Buffer.concat([Buffer.from([5, command, 0]), to, Buffer.from([port >> 8, port & 0xff])]),
  )

test('a request reads the same however many bytes have come after it', () => {
  fc.assert(
    fc.property(request, fc.uint8Array({ maxLength: 40 }), (bytes, tail) => {
      const alone = readRequest(bytes)!
      assert.equal(alone.used, bytes.length)
      assert.ok(alone.used <= MAX_REQUEST_BYTES)
      assert.deepEqual(readRequest(Buffer.concat([bytes, tail])), alone)
    }),
  )
})

test('every proper prefix of a request waits for more', () => {
  fc.assert(
    fc.property(request, (bytes) => {
      for (let end = 0; end < bytes.length; end++) {
        assert.equal(readRequest(bytes.subarray(0, end)), undefined)
      }
    }),
    { numRuns: 50 },
  )
})

test('garbage is refused by a fault or waits within the limit, never thrown raw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (raw) => {
      const bytes = Buffer.from(raw)
      for (const read of [readGreeting, readRequest, readDatagram]) {
        try {
          const got = read(bytes)
          if (got === undefined) assert.ok(bytes.length < MAX_REQUEST_BYTES)
        } catch (error) {
          assert.ok(error instanceof Fault, String(error))
        }
      }
    }),
    { numRuns: 2000 },
  )
})

test('a flipped byte in a request is refused or changes only what it stands for', () => {
  const bytes = Buffer.from('050100030b6170702e6578616d706c6501bb', 'hex')
  for (let i = 0; i < bytes.length; i++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const bad = Buffer.from(bytes)
      bad[i]! ^= flip
      try {
        const got = readRequest(bad)
        if (got !== undefined) assert.notDeepEqual(got, readRequest(bytes))
      } catch (error) {
        assert.ok(error instanceof Fault)
      }
    }
  }
})

test('addresses come out as text: IPv4, IPv6 in its short form, names', () => {
  const read = (hex: string) => {
    const { host, port } = readRequest(Buffer.from(hex, 'hex'))!
    return `${host} ${port}`
  }
  assert.equal(read('050100010a0000010050'), '10.0.0.1 80')
  assert.equal(read('0501000420010db800000000000000000000000101bb'), '2001:db8::1 443')
  assert.equal(read('0501000301610050'), 'a 80')
})

test('a name of length 0 and an unknown address type are bad destinations, another version is not SOCKS5', () => {
  assert.throws(() => readRequest(Buffer.from('05010003000050', 'hex')), code('BAD_DESTINATION'))
  assert.throws(() => readRequest(Buffer.from('050100020a0000010050', 'hex')), code('BAD_DESTINATION'))
  assert.throws(() => readRequest(Buffer.from('040100010a0000010050', 'hex')), code('LOCAL_REQUEST_REFUSED'))
  assert.throws(() => readRequest(Buffer.from('050101010a0000010050', 'hex')), code('LOCAL_REQUEST_REFUSED'))
})

test('a name that is not UTF-8 is a bad destination', () => {
  assert.throws(() => readRequest(Buffer.from('0501000302c3280050', 'hex')), code('BAD_DESTINATION'))
})

test('SOCKS4 and HTTP are named as not SOCKS5', () => {
  assert.throws(() => readGreeting(Buffer.from([4, 1])), code('LOCAL_REQUEST_REFUSED'))
  assert.throws(() => readGreeting(Buffer.from('GET / HTTP/1.1')), code('LOCAL_REQUEST_REFUSED'))
})

test('a greeting says whether no authentication is among its methods', () => {
  assert.deepEqual(readGreeting(Buffer.from([5, 2, 2, 0, 99])), { noAuth: true, used: 4 })
  assert.deepEqual(readGreeting(Buffer.from([5, 1, 2])), { noAuth: false, used: 3 })
  assert.deepEqual(readGreeting(Buffer.from([5, 0])), { noAuth: false, used: 2 })
  assert.equal(readGreeting(Buffer.from([5, 3, 0])), undefined)
})

test('a datagram fragment is refused', () => {
  assert.throws(
    () => readDatagram(Buffer.from('000001010a000001003568', 'hex')),
    (error) => error instanceof Fault && /fragment 1/.test(error.detail),
  )
})

test('what is written reads back: header of a datagram, reply', () => {
  const to = fc.record({
    host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
    port: fc.integer({ min: 0, max: 65_535 }),
  })
  fc.assert(
    fc.property(to, fc.uint8Array({ maxLength: 50 }), ({ host, port }, data) => {
      const whole = readDatagram(Buffer.concat([writeDatagramHeader({ host, port }), data]))
      assert.equal(whole.port, port)
      assert.deepEqual([...whole.data], [...data])
      const again = readDatagram(Buffer.from(writeDatagramHeader(whole)))
      assert.equal(again.host, whole.host)
    }),
  )
  assert.equal(socksReply(5).toString('hex'), '05050001000000000000')
  assert.equal(socksReply(0, { host: '::1', port: 80 }).length, 22)
})
