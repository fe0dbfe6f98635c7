import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Fault } from '../../base/faults.ts'
import { beginsAsProxyProtocol, takeProxyHeader } from './proxy-protocol.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const v2 = (hex: string) => Buffer.from(SIGNATURE + hex, 'hex')
const V4 = 'c63364077f0000019c4020fb'
const V6 = `20010db8000000000000000000000001${'00'.repeat(16)}9c4020fb`
const BEHIND = 'hello behind it'

/** In pieces of so many bytes, with what comes behind the header. */
async function take(header: Buffer | string, pieceBytes = 1000) {
  const stream = new PassThrough()
  const all = Buffer.concat([Buffer.from(header as Buffer), Buffer.from(BEHIND)])
  for (let at = 0; at < all.length; at += pieceBytes) stream.write(all.subarray(at, at + pieceBytes))
  stream.end()
  const from = await takeProxyHeader(stream, new AbortController().signal)
  assert.equal(await text(stream), BEHIND, 'nothing behind it is taken')
  return from
}

const whole: readonly (readonly [name: string, header: Buffer | string, from?: object])[] = [
  [
    'version 1, IPv4',
    'PROXY TCP4 198.51.100.7 127.0.0.1 40000 8443\r\n',
    { address: '198.51.100.7', port: 40_000 },
  ],
  ['version 1, IPv6', 'PROXY TCP6 2001:db8::1 ::1 40000 8443\r\n', { address: '2001:db8::1', port: 40_000 }],
  ['version 1, a connection of its own', 'PROXY UNKNOWN\r\n'],
  ['version 1, with words nobody reads', 'PROXY UNKNOWN 198.51.100.7 127.0.0.1 1 2\r\n'],
  ['version 2, IPv4', v2(`2111000c${V4}`), { address: '198.51.100.7', port: 40_000 }],
  ['version 2, IPv6', v2(`21210024${V6}`), { address: '2001:db8::1', port: 40_000 }],
  [
    'version 2, with more behind the addresses',
    v2(`21110010${V4}04000102`),
    { address: '198.51.100.7', port: 40_000 },
  ],
  ['version 2, a check of health', v2('20000000')],
  ['version 2, over a Unix socket', v2(`213100d8${'00'.repeat(216)}`)],
]

for (const [name, header, from] of whole) {
  test(`taken: ${name}`, async () => {
    for (const pieceBytes of [1, 7, 1000]) assert.deepEqual(await take(header, pieceBytes), from)
    assert.ok(beginsAsProxyProtocol(Buffer.from(header as Buffer)))
  })
}

const broken: readonly (readonly [name: string, header: Buffer | string])[] = [
  ['no header', Buffer.from('16030100c8010000c403034142434445464748', 'hex')],
  ['a line that does not end', `PROXY TCP4 ${'1'.repeat(200)}`],
  ['an address of the other family', 'PROXY TCP6 198.51.100.7 127.0.0.1 40000 8443\r\n'],
  ['no address', 'PROXY TCP4 db1.example.com 127.0.0.1 40000 8443\r\n'],
  ['a port that is none', 'PROXY TCP4 198.51.100.7 127.0.0.1 70000 8443\r\n'],
  ['no port', 'PROXY TCP4 198.51.100.7\r\n'],
  ['another version', v2(`3111000c${V4}`)],
  ['an end within the addresses', v2('21110008c63364077f000001')],
  ['more than anybody sends', v2('2111ffff')],
]

for (const [name, header] of broken) {
  test(`refused, and said why: ${name}`, async () => {
    await assert.rejects(take(header), ({ code, hop, detail }: Fault) => {
      assert.deepEqual([code, hop], ['PROTOCOL_ERROR', 'edge'])
      assert.match(detail, /^the load balancer's PROXY protocol header cannot be read: \S/)
      return true
    })
  })
}

test('a balancer that only looks whether somebody listens is no refusal worth a line', async () => {
  const stream = new PassThrough()
  stream.end()
  await assert.rejects(
    takeProxyHeader(stream, new AbortController().signal),
    ({ seen }: Fault) => seen.silent === true,
  )
})
