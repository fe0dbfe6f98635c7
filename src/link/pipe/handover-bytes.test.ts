import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { DIRECT } from '../dial/egress.ts'
import { listenHere } from '../dial/listen.fixture.ts'
import { readExactly } from '../dial/read-exactly.ts'
import { TestTenant } from '../dial/tenant.fixture.ts'
import { bringHalf } from './handover.ts'
import { type ReceivedHalf, receiveHalf } from './receive-half.ts'

const signal = new AbortController().signal
const tenant = await TestTenant.create()
const edge = await tenant.credentials('edge', 'edg_1')
const client = await tenant.credentials('client', 'dev_1')
const connector = await tenant.credentials('connector', 'con_1')

/** What lies between an agent and its edge: cuts what passes into pieces, and may change one byte of the agent's. */
interface Way {
  /** Lengths of the pieces, used again and again. */
  readonly pieces: readonly number[]
  readonly flip?: { readonly at: number; readonly mask: number }
}

function carry(from: net.Socket, to: net.Socket, { pieces, flip }: Way): void {
  let at = 0
  let turn = 0
  const queue: Buffer[] = []
  const next = () => {
    const piece = queue.shift()
    if (piece === undefined || to.destroyed) return
    to.write(piece)
    setImmediate(next)
  }
  from.on('data', (chunk: Buffer) => {
    const bytes = Buffer.from(chunk)
    const flipped = flip === undefined ? -1 : flip.at - at
    if (flipped >= 0 && flipped < bytes.length) bytes[flipped]! ^= flip!.mask
    at += bytes.length
    const idle = queue.length === 0
    for (let start = 0; start < bytes.length; ) {
      const length = pieces[turn++ % pieces.length]!
      queue.push(bytes.subarray(start, start + length))
      start += length
    }
    if (idle) setImmediate(next)
  })
  from.resume()
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
}

/** One handover over `way`. @returns What the edge and the agent have, or why not. */
async function handOver(way: Way, timeoutMs = 5000) {
  const received = Promise.withResolvers<ReceivedHalf | Fault>()
  await using receiver = await listenHere((socket) => {
    receiveHalf(socket, {
      ...{
        credentials: edge,
        ticketKeys: () => tenant.ticketKeys,
        clock: systemClock,
        isRevoked: () => false,
        admit: () => {},
      },
      signal: AbortSignal.timeout(timeoutMs),
    }).then((half) => received.resolve(half!), received.resolve)
  })
  await using between = await listenHere((near) => {
    const far = net.connect(receiver.port, receiver.host)
    carry(near, far, way)
    carry(far, near, { pieces: way.pieces })
  })
  const { client: ticket } = await tenant.pipe({ id: 'edg_1', ...between }, client, connector)
  const brought = await bringHalf(ticket, {
    ...{ egress: DIRECT, credentials: client, signal },
    timeoutMs,
  }).catch((thrown: unknown) => thrown as Fault)
  if (brought instanceof Error) {
    assert.ok(brought instanceof Fault, String(brought))
    return { agent: brought }
  }
  brought.socket.write('behind the ACK')
  const half = await received.promise
  if (half instanceof Error) {
    assert.ok(half instanceof Fault, String(half))
    brought.socket.destroy()
    return { edge: half }
  }
  const first = String(await readExactly(half.socket, 14, signal))
  const { ticket: got, peer } = half
  brought.socket.destroy()
  half.socket.destroy()
  return { got, peer, wanted: ticket, first }
}

test('a handover is the same however the network cuts it', async () => {
  const ways: Way[] = [{ pieces: [1] }, { pieces: [5, 1, 300] }, { pieces: [16_384] }, { pieces: [3, 2, 1] }]
  for (const way of ways) {
    const { got, peer, wanted, first } = await handOver(way)
    assert.equal(got?.pipe, wanted?.pipe, `${way.pieces}`)
    assert.equal(peer?.identity.id, 'dev_1')
    assert.equal(first, 'behind the ACK')
  }
})

test('property: a byte changed on the way ends the handover, or changes nothing of what was agreed', async () => {
  const way = fc.record({ at: fc.nat(1500), mask: fc.integer({ min: 1, max: 255 }) })
  await fc.assert(
    fc.asyncProperty(way, async (flip) => {
      const { got, peer, wanted } = await handOver({ pieces: [16_384], flip }, 500)
      if (got === undefined) return
      assert.equal(got.pipe, wanted!.pipe)
      assert.equal(peer!.identity.id, 'dev_1')
    }),
    { numRuns: 40 },
  )
})
