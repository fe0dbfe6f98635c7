import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { DIRECT } from '../dial/egress.ts'
import { listenHere } from '../dial/listen.fixture.ts'
import { openMiddlebox } from '../dial/middlebox.fixture.ts'
import { TestTenant } from '../dial/tenant.fixture.ts'
import { RawPhase, type RawPhaseOptions } from './raw-phase.ts'
import { receiveHalf } from './receive-half.ts'

const tenant = await TestTenant.create()
const edge = await tenant.credentials('edge', 'edg_1')
const credentials = await tenant.credentials('client', 'dev_1')
const way = { egress: DIRECT, credentials }
const MINUTE_US = 60_000_000

/** The least of an edge; or one that crashes whenever it is asked for a half. */
async function openReceiver(o: { crash?: boolean } = {}) {
  const seen = { trials: 0 }
  const listener = await listenHere((socket) => {
    seen.trials++
    const receiving = receiveHalf(socket, {
      credentials: edge,
      ticketKeys: () => tenant.ticketKeys,
      clock: systemClock,
      isRevoked: () => {
        if (o.crash) setImmediate(() => socket.resetAndDestroy())
        return false
      },
      admit: () => {},
      signal: AbortSignal.timeout(10_000),
    })
    receiving.catch(() => {})
  })
  return Object.assign(listener, { seen, address: { id: 'edg_1', host: listener.host, port: listener.port } })
}

function rawPhase(o: Partial<RawPhaseOptions> = {}) {
  const clock = { us: 0, nowMs: () => Date.now(), monotonicUs: () => clock.us }
  return { raw: new RawPhase({ log: silentLog, clock, ...o }), clock }
}

test('on an open path a broken pipe is not blamed on it, and one trial a minute is enough to say so', async () => {
  await using receiver = await openReceiver()
  const { raw, clock } = rawPhase()
  using _raw = raw
  const at = receiver.address
  assert.deepEqual(await Promise.all([raw.examine(at, way), raw.examine(at, way)]), [undefined, undefined])
  assert.equal(await raw.examine(at, way), undefined)
  assert.equal(receiver.seen.trials, 1)
  assert.equal(raw.mode(at, way), 'raw')
  assert.deepEqual(raw.blocked, [])
  clock.us += MINUTE_US
  await raw.examine(at, way)
  assert.equal(receiver.seen.trials, 2)
})

for (const kill of ['reset', 'swallow'] as const) {
  test(`a middlebox that answers raw bytes with ${kill} is found out, and found gone after ten minutes`, async () => {
    await using receiver = await openReceiver()
    await using box = await openMiddlebox(receiver, { kill })
    let opened = 0
    const { raw, clock } = rawPhase({ trialMs: 500, onOpen: () => void opened++ })
    using _raw = raw
    const at = { ...receiver.address, port: box.port }
    assert.equal(raw.mode(at, way), 'raw')
    const fault = await raw.examine(at, way)
    assert.equal(fault?.code, 'RAW_PHASE_BLOCKED')
    assert.equal(fault?.hop, 'edge')
    assert.equal(fault?.seen.raw, kill === 'reset' ? 'ECONNRESET' : 'HANDSHAKE_TIMEOUT')
    assert.deepEqual([raw.mode(at, way), raw.blocked, box.killed], ['wrapped', [fault], 1])
    assert.equal(raw.mode(receiver.address, way), 'raw', 'another path to the same edge is another matter')

    await raw.lookAgain(() => credentials)
    assert.equal(box.killed, 1, 'not before its time')
    clock.us += 10 * MINUTE_US
    await raw.lookAgain(() => credentials)
    assert.deepEqual(
      [raw.mode(at, way), box.killed, opened],
      ['wrapped', 2, 0],
      'tried again, and still there',
    )

    box.strict = false
    clock.us += 10 * MINUTE_US
    const looked = raw.lookAgain(() => credentials)
    assert.equal(raw.mode(at, way), 'wrapped', 'a half that goes now does not wait for the trial')
    await looked
    assert.deepEqual([raw.mode(at, way), raw.blocked, opened], ['raw', [], 1])
  })
}

test('an edge that breaks halves of either mode, or is not there, is not taken for a middlebox', async () => {
  await using crashing = await openReceiver({ crash: true })
  const { raw } = rawPhase()
  using _raw = raw
  assert.equal(await raw.examine(crashing.address, way), undefined)
  const gone = await openReceiver()
  await gone[Symbol.asyncDispose]()
  assert.equal(await raw.examine(gone.address, way), undefined)
  assert.deepEqual(raw.blocked, [])
})

test('the end of its owner ends a trial', async () => {
  await using mute = await listenHere(() => {})
  const { raw } = rawPhase()
  const examined = raw.examine({ id: 'edg_1', host: mute.host, port: mute.port }, way)
  raw[Symbol.dispose]()
  assert.equal(await examined, undefined)
})
