import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import type { ControlMessage, PipeTicket } from '../../wire/control.ts'
import { destination } from '../address/destination.ts'
import { GrantCache, type Granted } from './grant-cache.ts'
import { type PermitLink, Permits } from './permits.ts'

/** A control plane of one function, on a clock that stands still. */
function setUp(
  answer: (asked: { id: string; host?: string; have?: string[] }) => ControlMessage | Promise<ControlMessage>,
) {
  const clock = { ...systemClock, ms: 1_000_000, nowMs: () => clock.ms, monotonicUs: () => clock.ms * 1000 }
  const grants = new GrantCache(clock)
  const asked: Parameters<PermitLink['request']>[0][] = []
  const pipes: string[] = []
  const permits = new Permits({
    grants,
    log: silentLog,
    control: async () => ({
      request: async (message) => {
        asked.push(message)
        return answer(message)
      },
    }),
    connectors: () => ['con_warm'],
    skewMs: () => 0,
    onPipe: (connector) => void pipes.push(connector),
  })
  return { clock, grants, asked, pipes, permits }
}
const to = destination('wiki.example.com', 443, 'tcp')
const granted = (id: string, expiresMs: number, over: Partial<Granted> = {}): Granted => ({
  ...{
    type: 'granted',
    id,
    grant: `jws ${id}`,
    grantId: `grt ${id}`,
    session: 'ses_1',
    expiresMs,
    connector: 'con_warm',
  },
  ...{ segment: 'seg', segmentName: 'wiki', rule: 'rul', policyUs: 1, selectionUs: 1, because: '' },
  covers: { hosts: [], cidrs: [], tcp: [], udp: [] },
  ...over,
})
const pipe: PipeTicket = {
  ...{ pipe: 'pip', ticket: 'jws', peer: 'backstitch://t/connector/c', ticketUs: 1 },
  edge: { id: 'edg', host: 'edge', port: 443 },
}

test('a hundred sessions to one new destination ask once, and name the connectors that need no pipe', async () => {
  const { permits, asked, clock } = setUp(({ id }) => granted(id, clock.ms + 600_000))
  const answers = await Promise.all(Array.from({ length: 100 }, () => permits.ask(to)))
  assert.equal(asked.length, 1)
  assert.deepEqual((asked[0] as { have: string[] }).have, ['con_warm'])
  assert.equal(answers.filter(({ fresh }) => fresh).length, 1, 'one of them owns the pipe')
  assert.equal(new Set(answers.map(({ grant }) => grant)).size, 1)
})

test('sixty new destinations at once ask for two pipes, and each gets its grant', async () => {
  const { permits, asked, clock } = setUp(({ id }) => granted(id, clock.ms + 600_000))
  const all = Array.from({ length: 60 }, (_, i) => destination(`host${i}.example.com`, 443, 'tcp'))
  await Promise.all(all.map((one) => permits.ask(one)))
  const wanting = () => asked.filter((message) => 'wantPipe' in message && message.wantPipe).length
  assert.equal(asked.length, 60)
  assert.equal(wanting(), 2)
  await permits.ask(to)
  assert.equal(wanting(), 3, 'and again once those are answered')
})

test('a question that control puts off is asked again when it said, not before; what it puts off for long is told', async () => {
  const told = (retryAfterS: number) => new Fault('RATE_LIMITED', 'too much', { seen: { retryAfterS } })
  const atMs: number[] = []
  const soon = setUp(({ id }) => {
    atMs.push(performance.now())
    if (atMs.length < 3) throw told(0.05)
    return granted(id, soon.clock.ms + 600_000)
  })
  assert.equal((await soon.permits.ask(to)).fresh, true)
  assert.equal(atMs.length, 3)
  assert.ok(atMs[2]! - atMs[0]! >= 98, `${atMs[2]! - atMs[0]!} ms`)
  const late = setUp(() => {
    throw told(60)
  })
  await assert.rejects(late.permits.wantPipe('con_warm', 'ses'), { code: 'RATE_LIMITED' })
  assert.equal(late.asked.length, 1)
})

test('a denial reaches everyone who waited, and is asked anew by the next', async () => {
  const { permits, asked } = setUp(() => {
    throw new Fault('POLICY_DENIED', 'rule x')
  })
  const waiting = await Promise.allSettled([permits.ask(to), permits.ask(to)])
  for (const one of waiting) assert.equal((one as PromiseRejectedResult).reason.code, 'POLICY_DENIED')
  await assert.rejects(permits.ask(to), { code: 'POLICY_DENIED' })
  assert.equal(asked.length, 2)
})

test('a grant in use is renewed, and the pipe to a newly chosen connector is taken', async () => {
  let connector = 'con_warm'
  const { permits, asked, pipes, clock, grants } = setUp(({ id }) =>
    granted(id, clock.ms + 600_000, { connector, pipe: connector === 'con_new' ? pipe : undefined }),
  )
  await permits.ask(to)
  grants.find(to.key)
  clock.ms += 401_000
  connector = 'con_new'
  await permits.renewDue()
  assert.equal(asked.length, 2)
  assert.deepEqual(pipes, ['con_new'])
  assert.equal(grants.find(to.key)?.granted.connector, 'con_new')
  clock.ms += 300_000
  assert.ok(grants.find(to.key), 'it outlives the first one')
})

test('a renewal that is denied ends the grant now; one that cannot be asked leaves it to its end', async () => {
  for (const [code, kept] of [
    ['POLICY_DENIED', false],
    ['CONTROL_UNREACHABLE', true],
  ] as const) {
    let calls = 0
    const { permits, clock, grants } = setUp(({ id }) => {
      if (++calls > 1) throw new Fault(code, 'x')
      return granted(id, clock.ms + 600_000)
    })
    await permits.ask(to)
    grants.find(to.key)
    clock.ms += 401_000
    await permits.renewDue()
    assert.equal(grants.find(to.key) !== undefined, kept, code)
  }
})
