import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import tls from 'node:tls'
import fc from 'fast-check'
import { Fault } from '../../base/faults.ts'
import { tcpPair } from '../dial/tcp-pair.fixture.ts'
import { peekClientHello } from './client-hello.ts'
import { HelloReader, MAX_HELLO_BYTES } from './hello-reader.ts'

const signal = new AbortController().signal

/** What node's own client really sends. */
async function realHello(o: tls.ConnectionOptions): Promise<Buffer> {
  await using pair = await tcpPair()
  const socket = tls.connect({ socket: pair.dialled, ...o }).on('error', () => {})
  await once(pair.accepted, 'readable')
  const hello = pair.accepted.read() as Buffer
  socket.destroy()
  return hello
}

const HELLO = await realHello({ ALPNProtocols: ['backstitch-pipe/1', 'h2'], servername: 'edge.example.com' })
const MESSAGE = HELLO.subarray(5)

function records(...fragments: Uint8Array[]): Buffer {
  return Buffer.concat(
    fragments.flatMap((part) => [Buffer.from([22, 3, 1, part.length >>> 8, part.length & 0xff]), part]),
  )
}

async function peek(...writes: Buffer[]) {
  await using pair = await tcpPair()
  for (const bytes of writes) pair.dialled.write(bytes)
  const hello = await peekClientHello(pair.accepted, signal)
  const put = pair.accepted.read() as Buffer
  return { hello, put }
}

test('peekClientHello reads the ALPN of a real client and puts every byte back', async () => {
  const { hello, put } = await peek(HELLO)
  assert.deepEqual(hello.alpn, ['backstitch-pipe/1', 'h2'])
  assert.deepEqual(put, HELLO)
})

test('a client without ALPN offers nothing', async () => {
  assert.deepEqual((await peek(await realHello({}))).hello.alpn, [])
})

test('a hello split over many records, with more after it, is read the same', async () => {
  const bytes = records(MESSAGE.subarray(0, 3), MESSAGE.subarray(3, 100), MESSAGE.subarray(100))
  const { hello, put } = await peek(Buffer.concat([bytes, Buffer.from('early data')]))
  assert.deepEqual(hello.alpn, ['backstitch-pipe/1', 'h2'])
  assert.equal(put.length, bytes.length + 10)
})

test('HelloReader: wherever the bytes are split, the first part waits and both decode the same', () => {
  const inRecords = records(MESSAGE.subarray(0, 3), MESSAGE.subarray(3, 100), MESSAGE.subarray(100))
  for (const bytes of [HELLO, inRecords]) {
    for (let cut = 0; cut < bytes.length; cut++) {
      const reader = new HelloReader()
      assert.equal(reader.take(bytes.subarray(0, cut)), undefined)
      assert.deepEqual(reader.take(bytes.subarray(cut)), MESSAGE)
    }
  }
})

test('HelloReader: the longest message there may be comes whole, in as many pieces as a slow network makes', () => {
  const message = Buffer.alloc(MAX_HELLO_BYTES, 7)
  message.writeUInt32BE((1 << 24) + MAX_HELLO_BYTES - 4)
  const bytes = records(message.subarray(0, 16_000), message.subarray(16_000))
  const reader = new HelloReader()
  let whole: Buffer | undefined
  for (let at = 0; at < bytes.length; at += 88) whole = reader.take(bytes.subarray(at, at + 88))
  assert.deepEqual(whole, message)
})

test('HelloReader: byte by byte is given up long before it costs anything', () => {
  const bytes = records(Buffer.concat([Buffer.from([1, 0, 0x3f, 0xfc]), Buffer.alloc(MAX_HELLO_BYTES - 4)]))
  const reader = new HelloReader()
  let taken = 0
  assert.throws(
    () => {
      for (; taken < bytes.length; taken++) reader.take(bytes.subarray(taken, taken + 1))
    },
    { code: 'PROTOCOL_ERROR' },
  )
  assert.equal(taken, 256)
})

const REFUSED: { name: string; bytes: Buffer }[] = [
  { name: 'plain HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n') },
  { name: 'SSH', bytes: Buffer.from('SSH-2.0-OpenSSH\r\n') },
  { name: 'an alert record', bytes: Buffer.from([21, 3, 3, 0, 2, 2, 40]) },
  { name: 'a ServerHello', bytes: records(Buffer.from([2, 0, 0, 4, 0, 0, 0, 0])) },
  { name: 'an empty record', bytes: Buffer.from([22, 3, 1, 0, 0]) },
  { name: 'SSL 2', bytes: Buffer.from([0x80, 0x2e, 1, 0, 2]) },
  { name: 'a record over the cap', bytes: Buffer.from([22, 3, 1, 0x40, 1, 1]) },
  {
    name: 'a message that claims more than the cap',
    bytes: records(Buffer.from([1, 0, 0x40, 0x10, 3, 3])),
  },
  {
    name: 'many records that together pass the cap',
    bytes: records(
      Buffer.concat([Buffer.from([1, 0, 0x3f, 0xfc]), Buffer.alloc(9000)]),
      Buffer.alloc(MAX_HELLO_BYTES - 9000),
    ),
  },
  {
    name: 'bytes after the message in its record',
    bytes: records(Buffer.concat([MESSAGE, Buffer.from([0])])),
  },
  {
    name: 'a body of nonsense',
    bytes: records(Buffer.concat([Buffer.from([1, 0, 0, 60]), Buffer.alloc(60, 7)])),
  },
]
for (const { name, bytes } of REFUSED) {
  test(`peekClientHello refuses ${name}`, async () => {
    await assert.rejects(peek(bytes), { code: 'PROTOCOL_ERROR' })
  })
}

test('the first byte is enough to refuse', () => {
  assert.throws(() => new HelloReader().take(Buffer.from('G')), Fault)
})

test('a peer that leaves is EDGE_UNREACHABLE, one that stalls ends with the reason of the signal', async () => {
  await using gone = await tcpPair()
  gone.dialled.end(HELLO.subarray(0, 50))
  await assert.rejects(peekClientHello(gone.accepted, signal), { code: 'EDGE_UNREACHABLE' })

  await using stalled = await tcpPair()
  stalled.dialled.write(HELLO.subarray(0, 50))
  const stop = new AbortController()
  const waiting = peekClientHello(stalled.accepted, stop.signal)
  stop.abort(new Fault('HANDSHAKE_TIMEOUT', 'late'))
  await assert.rejects(waiting, { code: 'HANDSHAKE_TIMEOUT' })
})

test('whatever the bytes, the answer is a hello, a wait or PROTOCOL_ERROR', async () => {
  const spoilt = fc.tuple(fc.nat(HELLO.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
    const bytes = Buffer.from(HELLO)
    bytes[at]! ^= flip
    return bytes
  })
  await fc.assert(
    fc.asyncProperty(fc.oneof(spoilt, fc.uint8Array({ maxLength: 300 }).map(Buffer.from)), async (bytes) => {
      await using pair = await tcpPair()
      pair.dialled.end(bytes)
      const outcome = await peekClientHello(pair.accepted, signal).catch((thrown: unknown) => thrown)
      if (outcome instanceof Error) {
        assert.ok(outcome instanceof Fault, String(outcome.stack))
        assert.ok(['PROTOCOL_ERROR', 'EDGE_UNREACHABLE'].includes(outcome.code))
      }
    }),
    { numRuns: 300 },
  )
})
