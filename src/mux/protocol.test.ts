import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type tls from 'node:tls'
import type { Fault } from '../base/faults.ts'
import { encodeFrame, FrameType, INITIAL_WINDOW, MAX_PAYLOAD } from '../wire/frame.ts'
import { decodeReset, encodeOpen, encodeReset, type Reset } from '../wire/open.ts'
import { FrameReader } from './frame-reader.ts'
import { Mux } from './mux.ts'
import type { MuxOptions } from './mux-options.ts'
import { OPEN, tlsPair } from './pair.fixture.ts'
import type { MuxStream } from './stream.ts'

/** A connector's mux with a peer that writes whatever a test wants. */
async function victim(options: Partial<MuxOptions> = {}) {
  const { client, connector } = await tlsPair()
  const closed = Promise.withResolvers<Fault | undefined>()
  const streams: MuxStream[] = []
  const mux = new Mux(connector, {
    role: 'connector',
    onOpen: (stream) => streams.push(stream),
    onClose: closed.resolve,
    ...options,
  })
  const frames: { type: number; stream: number; payload: Buffer }[] = []
  const reader = new FrameReader({
    beginData() {},
    data() {},
    endData() {},
    frame: (type, stream, payload) => frames.push({ type, stream, payload: Buffer.from(payload) }),
  })
  client.on('data', (chunk: Buffer) => reader.feed(chunk, 0, chunk.length))
  return { mux, streams, frames, peer: client, closed: closed.promise }
}

/** What the victim told its peer when it closed the tunnel. */
async function lastWords(peer: tls.TLSSocket, frames: { type: number; payload: Buffer }[]): Promise<Reset> {
  if (!peer.readableEnded) await once(peer, 'end')
  peer.destroy()
  const goaway = frames.find(({ type }) => type === FrameType.GOAWAY)
  assert.ok(goaway, 'no GOAWAY came')
  return decodeReset(goaway.payload)
}

const open = (stream: number) => encodeFrame(FrameType.OPEN, stream, encodeOpen(OPEN))
const data = (stream: number, length: number) => encodeFrame(FrameType.DATA, stream, Buffer.alloc(length))
const window = (stream: number, bytes: number) => {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(bytes)
  return encodeFrame(FrameType.WINDOW, stream, payload)
}
const many = (count: number, frame: (i: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => frame(i)))

const VIOLATIONS: { name: string; bytes: () => Buffer }[] = [
  { name: 'an unknown frame type', bytes: () => Buffer.from([42, 0, 0, 0, 0, 0, 0, 1]) },
  { name: 'DATA for a stream that was never opened', bytes: () => data(7, 1) },
  { name: 'WINDOW for a stream that was never opened', bytes: () => window(7, 1) },
  { name: 'OPEN out of order', bytes: () => Buffer.concat([open(2), open(1)]) },
  { name: 'OPEN of a stream twice', bytes: () => Buffer.concat([open(1), open(1)]) },
  { name: 'OPEN with a payload that is none', bytes: () => encodeFrame(FrameType.OPEN, 1, Buffer.alloc(60)) },
  { name: 'OPENED for a connector', bytes: () => Buffer.concat([open(1), encodeFrame(FrameType.OPENED, 1)]) },
  {
    name: 'one byte more than the window',
    bytes: () =>
      Buffer.concat([
        open(1),
        many(4, () => data(1, MAX_PAYLOAD)),
        data(1, INITIAL_WINDOW - 4 * MAX_PAYLOAD + 1),
      ]),
  },
  {
    name: 'DATA after FIN',
    bytes: () => Buffer.concat([open(1), encodeFrame(FrameType.DATA, 1, undefined, true), data(1, 1)]),
  },
  { name: 'a window of nothing', bytes: () => Buffer.concat([open(1), window(1, 0)]) },
  {
    name: 'windows that add up to more than 2 GiB',
    bytes: () => Buffer.concat([open(1), window(1, 0x7fff_ffff), window(1, 0x7fff_ffff)]),
  },
  { name: 'a short PING', bytes: () => encodeFrame(FrameType.PING, 0, Buffer.alloc(7)) },
  { name: 'a PONG nobody asked for', bytes: () => encodeFrame(FrameType.PONG, 0, Buffer.alloc(8, 9)) },
  { name: 'a PING flood', bytes: () => many(30_000, () => encodeFrame(FrameType.PING, 0, Buffer.alloc(8))) },
  { name: 'a flood of empty DATA', bytes: () => Buffer.concat([open(1), many(3_000, () => data(1, 0))]) },
  {
    name: 'a GRANT flood',
    bytes: () => many(3_000, () => encodeFrame(FrameType.GRANT, 0, Buffer.from('g'))),
  },
  {
    name: 'streams opened and reset before they are answered',
    bytes: () =>
      many(15_000, (i) =>
        Buffer.concat([
          open(i + 1),
          encodeFrame(FrameType.RESET, i + 1, encodeReset({ code: 'CLIENT_RESET', detail: '' })),
        ]),
      ),
  },
]

for (const { name, bytes } of VIOLATIONS) {
  test(`${name} closes the tunnel with PROTOCOL_ERROR, and the peer is told`, async () => {
    const { mux, frames, peer, closed } = await victim()
    peer.write(bytes())
    assert.equal((await closed)?.code, 'PROTOCOL_ERROR')
    assert.equal((await lastWords(peer, frames)).code, 'PROTOCOL_ERROR')
    await mux[Symbol.asyncDispose]()
  })
}

test('frames that were on their way when a stream was reset mean nothing', async () => {
  const { mux, streams, frames, peer } = await victim()
  const answered = (number: number) =>
    frames.some(({ type, payload }) => type === FrameType.PONG && payload[0] === number)
  peer.write(Buffer.concat([open(1), open(2), encodeFrame(FrameType.PING, 0, Buffer.alloc(8, 2))]))
  while (!answered(2)) await once(peer, 'data')
  streams[0]!.reset('APP_REFUSED', '')
  peer.write(Buffer.concat([data(1, 100), window(1, 5), encodeFrame(FrameType.DATA, 1, undefined, true)]))
  peer.write(encodeFrame(FrameType.PING, 0, Buffer.alloc(8, 3)))
  while (!answered(3)) await once(peer, 'data')
  assert.equal(mux.closed, false)
  assert.equal(mux.streams, 1)
  peer.destroy()
  await mux[Symbol.asyncDispose]()
})
