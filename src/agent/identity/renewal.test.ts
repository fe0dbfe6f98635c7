import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { Parting } from '../../base/parting.ts'
import { TestTenant } from '../../link/dial/tenant.fixture.ts'
import { createKeyAndCsr } from '../../pki/csr.ts'
import type { AgentRole } from '../../pki/identity.ts'
import type { AgentMessage, ControlMessage } from '../../wire/control.ts'
import type { AgentCertificate } from './agent-certificate.ts'
import { Renewal } from './renewal.ts'

const HOUR_MS = 3_600_000
const LIFE_MS = 24 * HOUR_MS
const tenant = await TestTenant.create()
const pair = await createKeyAndCsr('host')

interface Held extends AgentCertificate {
  readonly id: string
  readonly signInEndsMs?: number
}

async function certificateFor(role: AgentRole, nowMs: number, csrPem = pair.csrPem) {
  const identity = tenant.identity(role, `${role}_1`)
  const { certificate, notAfterMs } = await tenant.authority.issue({
    csrPem,
    identity,
    nowMs,
    lifeMs: LIFE_MS,
  })
  return { certificate, notAfterMs }
}

/** One agent with a certificate of a day, its clock in the hands of the test, and a control plane that answers as `answer` says. */
async function world(role: AgentRole, over: Partial<Pick<Held, 'signInEndsMs'>> = {}) {
  const beganMs = Date.now()
  let nowMs = beganMs
  const lines: { event: string; code?: string; until: string }[] = []
  const log = pino({}, { write: (text: string) => void lines.push(JSON.parse(text)) }) as Log
  let held: Held = {
    ...{ id: `${role}_1`, tenant: tenant.id, ...pair, rootPem: tenant.authority.rootPem },
    ...{ ...(await certificateFor(role, beganMs)), receivedMs: beganMs, generation: 1, ...over },
  }
  const seen: string[] = []
  // Made beforehand: what is left of a renewal takes no time.
  const next = await certificateFor(role, beganMs + LIFE_MS * 0.67)
  const forAnotherKey = await certificateFor(role, beganMs, (await createKeyAndCsr('other')).csrPem)
  const renewed = (issued: typeof next): ControlMessage => ({
    ...{ type: 'renewed', id: 'req_1', generation: 2 },
    ...issued,
  })
  const it = {
    isUp: true,
    /** What the state directory holds that another process may have written. */
    stored: undefined as Held | undefined,
    save: async (_renewed: Held) => {},
    answer: async (): Promise<ControlMessage> => renewed(next),
    answerForAnotherKey: async (): Promise<ControlMessage> => renewed(forAnotherKey),
  }
  const link = {
    get isUp() {
      return it.isUp
    },
    async request(message: AgentMessage) {
      seen.push('ask')
      assert.ok(message.type === 'renew')
      assert.equal(message.csr, pair.csrPem)
      return it.answer()
    },
    redial: ({ why }: Parting) => void seen.push(`redial ${why}`),
  }
  const renewal = new Renewal<Held>({
    ...{ role, idOf: ({ id }) => id, current: () => held, log },
    clock: { nowMs: () => nowMs, monotonicUs: () => nowMs * 1000 },
    async refresh() {
      held = it.stored ?? held
    },
    endMs: ({ signInEndsMs }) => signInEndsMs,
    async save(renewed) {
      await it.save(renewed)
      seen.push('save')
    },
    use(renewed) {
      seen.push('use')
      held = renewed
    },
  })
  return Object.assign(it, {
    ...{ seen, lines, link, renewal },
    held: () => held,
    signInAnew(next: Held) {
      held = next
    },
    /** The time of a tick, in parts of the life of the first certificate. */
    async tickAt(lives: number, plusMs = 0) {
      nowMs = beganMs + LIFE_MS * lives + plusMs
      renewal.tick(link)
      for (let n = 0; n < 20; n++) await turn()
    },
  })
}

const ALL = ['ask', 'save', 'use', 'redial certificate']

for (const role of ['connector', 'client', 'edge'] as const) {
  test(`${role}: a certificate is renewed at two thirds of its life, stored before it is used, and proved at once`, async () => {
    const it = await world(role)
    await it.tickAt(0.66)
    assert.deepEqual(it.seen, [])
    const before = it.held()
    await it.tickAt(0.67)
    assert.deepEqual(it.seen, ALL)
    assert.equal(it.held().generation, 2)
    assert.notEqual(it.held().certificate, before.certificate)
    assert.equal(it.held().keyPem, before.keyPem)
    assert.deepEqual(
      it.lines.map(({ event }) => event),
      ['certificate.renewed'],
    )
    await it.tickAt(0.67, 120_000)
    assert.deepEqual(it.seen, ALL, 'the new one is fresh')
  })

  const failures: { what: string; code: string; spoil: (it: Awaited<ReturnType<typeof world>>) => void }[] = [
    {
      what: 'is not answered',
      code: 'CONTROL_UNREACHABLE',
      spoil: (it) => {
        it.answer = async () => {
          throw new Fault('CONTROL_UNREACHABLE', 'no answer')
        }
      },
    },
    {
      what: 'is answered with something else',
      code: 'PROTOCOL_ERROR',
      spoil: (it) => {
        it.answer = async () => ({ type: 'lanes', lanes: { privateOnly: false, internet: [] } }) as never
      },
    },
    {
      what: 'brings a certificate for another key',
      code: 'PROTOCOL_ERROR',
      spoil: (it) => {
        it.answer = it.answerForAnotherKey
      },
    },
    {
      what: 'cannot be stored',
      code: 'DISK_FULL',
      spoil: (it) => {
        it.save = async () => {
          throw new Fault('DISK_FULL', 'no room')
        }
      },
    },
  ]
  for (const { what, code, spoil } of failures) {
    test(`${role}: a renewal that ${what} is said, changes nothing, and is tried again after a minute`, async () => {
      const it = await world(role)
      const { answer, save } = it
      const before = it.held()
      spoil(it)
      await it.tickAt(0.7)
      assert.deepEqual(
        it.lines.map((line) => [line.event, line.code]),
        [['certificate.renewal-failed', code]],
      )
      assert.deepEqual(it.seen, ['ask'])
      assert.equal(it.held(), before)
      Object.assign(it, { answer, save })
      await it.tickAt(0.7, 59_000)
      assert.deepEqual(it.seen, ['ask'])
      await it.tickAt(0.7, 60_000)
      assert.deepEqual(it.seen, ['ask', ...ALL])
    })
  }

  test(`${role}: nothing is asked while it is not connected, nor twice at once`, async () => {
    const it = await world(role)
    it.isUp = false
    await it.tickAt(0.7)
    assert.deepEqual(it.seen, [], 'and no minute is lost by it')
    it.isUp = true
    const asked = Promise.withResolvers<ControlMessage>()
    const { answer } = it
    it.answer = () => asked.promise
    await it.tickAt(0.7, 1)
    await it.tickAt(0.7, 120_000)
    assert.deepEqual(it.seen, ['ask'])
    asked.resolve(await answer())
    await it.tickAt(0.7, 120_001)
    assert.deepEqual(it.seen, ALL)
  })

  test(`${role}: what another process has renewed meanwhile is not renewed once more`, async () => {
    const it = await world(role)
    it.stored = { ...it.held(), generation: 7 }
    await it.tickAt(0.7)
    assert.deepEqual(it.seen, [])
    assert.equal(it.held().generation, 7)
  })

  test(`${role}: who signed in while the answer was on its way keeps what that brought`, async () => {
    const it = await world(role)
    it.save = async () => it.signInAnew({ ...it.held(), generation: 9 })
    await it.tickAt(0.7)
    assert.deepEqual(it.seen, ['ask', 'save'])
    assert.equal(it.held().generation, 9)
  })

  test(`${role}: a certificate that lasts until the sign-in ends is not renewed`, async () => {
    const it = await world(role, { signInEndsMs: Date.now() + HOUR_MS })
    await it.tickAt(0.9)
    assert.deepEqual(it.seen, [])
  })

  test(`${role}: one that is due as the connection comes up is renewed there, and not at the next tick`, async () => {
    const it = await world(role)
    it.isUp = false
    await it.tickAt(0.9)
    it.isUp = true
    it.renewal.up(undefined as never, { link: it.link })
    for (let n = 0; n < 20; n++) await turn()
    assert.deepEqual(it.seen, ALL)
  })
}
