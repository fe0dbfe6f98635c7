import assert from 'node:assert/strict'
import { duplexPair, Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { pattern, TunnelPair } from './pair.fixture.ts'

test('streams that are no sockets, at both ends, carry megabytes there and back unchanged', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far } = await tunnel.stream()
  const [ours, theirs] = duplexPair()
  near.attach(theirs)
  far.attach(new Transform({ transform: (chunk: Buffer, _encoding, done) => done(null, Buffer.from(chunk)) }))
  const content = pattern(5_000_000)
  ours.end(content)
  const back = await buffer(ours)
  assert.equal(back.length, content.length)
  assert.ok(back.equals(content))
})
