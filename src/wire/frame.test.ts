import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../base/faults.ts'
import {
  checkHeader,
  encodeFrame,
  FrameType,
  HEADER_BYTES,
  MAX_CONTROL_PAYLOAD,
  MAX_PAYLOAD,
  writeHeader,
} from './frame.ts'

const LONG: readonly number[] = [FrameType.DATA, FrameType.DATAGRAM]
const TUNNEL: readonly number[] = [FrameType.PING, FrameType.PONG, FrameType.GRANT, FrameType.GOAWAY]

/** The rules of docs/protocol.md, "Frames", said a second time. */
function allowed(type: number, flags: number, length: number, stream: number): boolean {
  if (type < 1 || type > 11) return false
  if (flags !== 0 && !(flags === 1 && type === FrameType.DATA)) return false
  if (length > (LONG.includes(type) ? 65_528 : 16_376)) return false
  return TUNNEL.includes(type) ? stream === 0 : stream > 0
}

const header = fc.tuple(
  fc.oneof(fc.integer({ min: 0, max: 12 }), fc.nat(255)),
  fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(255)),
  fc.oneof(fc.constantFrom(0, MAX_CONTROL_PAYLOAD, MAX_CONTROL_PAYLOAD + 1, MAX_PAYLOAD), fc.nat(65_535)),
  fc.oneof(fc.constantFrom(0, 1), fc.nat(0xffff_ffff)),
)

test('a header is let through exactly when the protocol allows it, and refused as PROTOCOL_ERROR', () => {
  fc.assert(
    fc.property(header, ([type, flags, length, stream]) => {
      try {
        checkHeader(type, flags, length, stream)
      } catch (thrown) {
        assert.ok(thrown instanceof Fault && thrown.code === 'PROTOCOL_ERROR')
        assert.ok(!allowed(type, flags, length, stream), thrown.detail)
        return
      }
      assert.ok(allowed(type, flags, length, stream), `${type} ${flags} ${length} ${stream}`)
    }),
    { numRuns: 3000 },
  )
})

test('a header reads back as it was written, over the whole range of its fields', () => {
  fc.assert(
    fc.property(header, ([type, , length, stream]) => {
      const bytes = Buffer.alloc(HEADER_BYTES + 2, 0xaa)
      writeHeader(bytes, 1, type as FrameType, true, length, stream)
      assert.deepEqual(
        [bytes[1], bytes[2], bytes.readUInt16BE(3), bytes.readUInt32BE(5)],
        [type, 1, length, stream],
      )
      assert.deepEqual([bytes[0], bytes[9]], [0xaa, 0xaa], 'and touches nothing beside it')
    }),
  )
})

test('a frame that no peer would take is not made', () => {
  const codes = { name: 'Fault', code: 'PROTOCOL_ERROR' }
  assert.throws(() => encodeFrame(FrameType.RESET, 0), codes)
  assert.throws(() => encodeFrame(FrameType.PING, 1), codes)
  assert.throws(() => encodeFrame(FrameType.GRANT, 0, Buffer.alloc(MAX_CONTROL_PAYLOAD + 1)), codes)
  assert.throws(() => encodeFrame(FrameType.OPEN, 1, undefined, true), codes)
})
