/**
 * What is right to have seen, and to have on record.
 *
 * @module
 */
import assert from 'node:assert/strict'
import type { SessionResource } from '../../src/api/sessions.ts'
import type { FaultCode, Hop } from '../../src/base/faults.ts'
import type { Views } from './conversation.ts'
import type { Entry } from './entries.ts'
import type { View } from './peer.ts'
import type { Records } from './records.ts'

/** Why the record says a session is over, and whose doing it was. */
export interface Close {
  readonly reason: 'done' | FaultCode
  readonly hop: Hop
}

/** Byte by byte, and in how it ended, as over a direct connection. */
export function assertSame(entry: Entry, seen: Views, direct: Views): void {
  if (seen.program !== undefined) assert.deepEqual(bytesOf(seen.program), bytesOf(direct.program!), 'program')
  if (seen.application === undefined) return
  // An HTTP proxy rewrites the head of a request, and nothing else.
  const of = entry.carries === 'http' ? bodyOf : bytesOf
  assert.deepEqual(of(seen.application), of(direct.application!), 'application')
}

function bytesOf({ bytes, sha256, end }: View) {
  return { bytes, sha256, end }
}

function bodyOf({ bodyBytes, bodySha256, whole, end }: View) {
  return { bodyBytes, bodySha256, whole, end }
}

/**
 * An end that says "this was all" is one only if it was all; and an end there is.
 *
 * @param dead Its other side is a process that was killed: the kernel ends the sockets of such a one in order, and
 *   nobody is left to say more.
 */
export function assertHonest(who: string, view: View, dead: boolean): void {
  const { end, whole, bytes, intact, firstLine } = view
  assert.notEqual(end, 'open', `${who}: no end came, after ${bytes} bytes`)
  const said = whole && /^HTTP\/1\.1 [45]/.test(firstLine ?? '') // a fault by name, of ours
  assert.equal(intact || said, true, `${who}: other bytes than were sent`)
  if (end === 'fin' && !dead)
    assert.ok(whole, `${who}: an orderly end after ${bytes} bytes, which is not all`)
}

/** The one session of this conversation is over on record, in the words of whoever is left to speak. */
export async function assertRecorded(
  records: Records,
  port: number,
  sides: readonly ('client' | 'connector')[],
): Promise<SessionResource> {
  const closed = ({ state, sides: said }: SessionResource) =>
    state === 'closed' && sides.every((side) => said[side]?.state === 'closed')
  const found = await records.once(port, (all) => all.length > 0 && all.every(closed))
  assert.equal(found.length, 1, 'one session, one record')
  const [record] = found
  assert.equal(record!.state, 'closed', 'the record')
  for (const side of sides) assert.equal(record!.sides[side]?.state, 'closed', `what the ${side} says`)
  return record!
}

/** Reason and hop, and the bytes that were carried: on both sides the same, where both saw an orderly end. */
export function assertClosed(
  record: SessionResource,
  close: Close,
  { program, application }: Views = {},
): void {
  const { closeReason, closeHop, sides } = record
  assert.deepEqual({ reason: closeReason, hop: closeHop }, close, `recorded: ${record.closeDetail}`)
  if (close.reason !== 'done' || program === undefined || application === undefined) return
  for (const side of [sides.client!, sides.connector!]) {
    const carried = { reason: side.closeReason, up: side.bytesUp, down: side.bytesDown }
    assert.deepEqual(carried, { reason: 'done', up: application.bytes, down: program.bytes })
  }
}
