/**
 * What all agents have in common, as tests that each role is called with: a new one adds its kind to compliance.test.ts.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { EnrolledIdentity } from '../../src/agent/identity/agent-certificate.ts'
import { StopReason } from '../../src/agent/link/stop-reason.ts'
import { Fault } from '../../src/base/faults.ts'
import type { Log } from '../../src/base/log.ts'
import { PROGRAM } from '../../src/base/version.ts'
import { sayGoodbye } from '../../src/link/control/control-ends.ts'
import { createKeyAndCsr } from '../../src/pki/csr.ts'
import type { AgentRole } from '../../src/pki/identity.ts'
import { type AgentMessage, type ControlMessage, PROTOCOL_VERSION } from '../../src/wire/control.ts'
import { until } from '../client-site.ts'
import { openStandIn, type StandIn } from './stand-in.ts'

const HOUR_MS = 3_600_000
/** What has not happened by then does not happen. */
const LATER_MS = 400

export interface AgentKind {
  readonly role: AgentRole
  /** Leaves in `dir` what an enrolment, or a sign-in, leaves there. */
  store(dir: string, identity: EnrolledIdentity, edge: StandIn['edge']): Promise<void>
  /** @returns The certificate that a restart would prove. */
  stored(dir: string): Promise<string | undefined>
  /** Runs the daemon until `signal` aborts. */
  serve(dir: string, log: Log, signal: AbortSignal): Promise<void>
  /** Does it verify grants or tickets, and by the clock of the control plane? */
  readonly verifies: boolean
  readonly endsAsClone: boolean
  /** What it tells before anything else, where it has something to tell at once. */
  readonly tellsFirst?: AgentMessage['type']
  /** A message of a control plane that this role does not take. */
  readonly unexpected: ControlMessage
}

interface Line {
  readonly event: string
  readonly level: number
  readonly [field: string]: unknown
}

export async function runAgent(t: TestContext, kind: AgentKind, o: { ageMs?: number } = {}) {
  const standIn = await openStandIn(kind.role)
  t.after(() => standIn[Symbol.asyncDispose]())
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-agent-'))
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }))
  const lines: Line[] = []
  const log = pino({ level: 'debug' }, { write: (text: string) => void lines.push(JSON.parse(text)) })
  const pair = await createKeyAndCsr('host')
  const { tenant } = standIn
  const id = `${kind.role}_1`
  /** A certificate for the key of the agent that came `ageMs` ago, and lives for an hour. */
  const identityOf = async (ageMs: number, generation: number): Promise<EnrolledIdentity> => {
    const identity = tenant.identity(kind.role, id)
    const receivedMs = Date.now() - ageMs
    const issue = { csrPem: pair.csrPem, identity, nowMs: receivedMs, lifeMs: HOUR_MS }
    const { certificate, notAfterMs } = await tenant.authority.issue(issue)
    const { rootPem } = tenant.authority
    return { id, tenant: tenant.id, ...pair, certificate, rootPem, notAfterMs, receivedMs, generation }
  }
  await kind.store(dir, await identityOf(o.ageMs ?? 0, 1), standIn.edge)
  const before = open()
  const stop = new AbortController()
  let ended: { fault?: Fault } | undefined
  const served = kind.serve(dir, log as Log, stop.signal).then(
    () => {
      ended = {}
    },
    (fault: Fault) => {
      ended = { fault }
    },
  )
  t.after(async () => {
    stop.abort()
    await served
  })
  return {
    ...{ standIn, dir, lines, identityOf, before, served },
    ended: () => ended,
    logged: (event: string) => lines.filter((line) => line.event === event),
    async stop(reason?: StopReason) {
      stop.abort(reason)
      await served
      assert.equal(ended?.fault, undefined)
    },
  }
}

/** What keeps this process alive, by kind and number: sockets, servers, timers. */
function open(): string {
  return process
    .getActiveResourcesInfo()
    .filter((name) => !/Req|^FS/.test(name))
    .sort()
    .join(' ')
}

export function agentComplies(kind: AgentKind): void {
  const { role } = kind

  test(`${role}: comes up, and says who it is first`, async (t) => {
    const { standIn, logged } = await runAgent(t, kind)
    const { hello, peer, told } = await standIn.arrival(0)
    assert.equal(peer.identity.role, role)
    const { version, program, host } = hello
    assert.deepEqual(
      { role: hello.role, version, program, host },
      { role, version: PROTOCOL_VERSION, program: PROGRAM, host: os.hostname().slice(0, 253) },
    )
    assert.ok(Math.abs(hello.timeMs - Date.now()) < 10_000)
    await until(() => logged('control.up').length === 1)
    if (kind.tellsFirst === undefined) return
    await until(() => told.length > 0)
    assert.equal(told[0]!.type, kind.tellsFirst)
  })

  test(`${role}: a connection that is lost comes back by itself`, async (t) => {
    const { standIn } = await runAgent(t, kind)
    const { channel } = await standIn.arrival(0)
    channel.close(new Fault('CONTROL_UNREACHABLE', 'for the test'))
    await standIn.arrival(1)
  })

  test(`${role}: a message that it does not take is logged at debug, and harms nothing`, async (t) => {
    const { standIn, logged } = await runAgent(t, kind)
    const { channel } = await standIn.arrival(0)
    channel.send(kind.unexpected)
    await until(() => logged('control.unexpected').length > 0)
    assert.deepEqual(
      logged('control.unexpected').map(({ level, type }) => [level, type]),
      [[20, kind.unexpected.type]],
    )
    assert.ok(await channel.isAlive(5000))
    assert.equal(standIn.arrivals.length, 1)
  })

  test(`${role}: at a stop it says goodbye with the reason, and leaves nothing open`, async (t) => {
    const agent = await runAgent(t, kind)
    const { channel } = await agent.standIn.arrival(0)
    await until(() => agent.logged('control.up').length === 1)
    await agent.stop(new StopReason({ why: 'upgrade', detail: '1.2.3' }))
    assert.equal(await channel.closed, undefined)
    assert.deepEqual(channel.parting, { why: 'upgrade', detail: '1.2.3' })
    await until(() => open() === agent.before, 5000).catch(() => assert.equal(open(), agent.before))
  })

  test(`${role}: a certificate whose time has come is renewed, stored and proved by a new connection`, async (t) => {
    const agent = await runAgent(t, kind, { ageMs: 0.7 * HOUR_MS })
    const next = await agent.identityOf(0, 2)
    const { certificate, notAfterMs, generation } = next
    agent.standIn.onTold = (message, { channel }) => {
      if (message.type === 'renew')
        channel.send({ type: 'renewed', id: message.id, certificate, notAfterMs, generation })
    }
    const [first, second] = [await agent.standIn.arrival(0), await agent.standIn.arrival(1)]
    assert.notEqual(first.peer.thumbprint, second.peer.thumbprint)
    assert.equal(second.peer.notAfterMs, notAfterMs)
    assert.equal(first.channel.parting?.why, 'certificate')
    assert.equal(await kind.stored(agent.dir), certificate)
    assert.equal(agent.logged('certificate.renewed').length, 1)
  })

  const clone = new Fault('IDENTITY_CLONED', `${role}_1 from here and from there`)
  if (kind.endsAsClone) {
    test(`${role}: a clone ends, and leaves nothing open`, async (t) => {
      const agent = await runAgent(t, kind)
      agent.standIn.instead = ({ channel }) => sayGoodbye(channel, clone)
      await agent.served
      assert.equal(agent.ended()?.fault?.code, 'IDENTITY_CLONED')
      await until(() => open() === agent.before, 5000).catch(() => assert.equal(open(), agent.before))
    })
  } else {
    test(`${role}: a clone goes on, and comes back with a certificate that is stored meanwhile`, async (t) => {
      const agent = await runAgent(t, kind)
      const next = await agent.identityOf(-1000, 2)
      agent.standIn.instead = ({ channel }) => {
        agent.standIn.instead = undefined
        void kind.store(agent.dir, next, agent.standIn.edge).then(() => sayGoodbye(channel, clone))
      }
      const second = await agent.standIn.arrival(1)
      assert.equal(second.peer.notAfterMs, Math.floor(next.notAfterMs / 1000) * 1000)
      assert.equal(agent.ended(), undefined)
      await agent.stop()
    })
  }

  if (!kind.verifies) return

  test(`${role}: keys that are refused have it dial anew`, async (t) => {
    const { standIn, logged } = await runAgent(t, kind)
    const { channel } = await standIn.arrival(0)
    channel.send({ type: 'keys', keys: 'no.key.set' })
    await standIn.arrival(1)
    assert.equal((await channel.closed)?.code, undefined)
    assert.equal(channel.parting?.why, 'keys')
    assert.equal(logged('keys.refused').length, 1)
  })

  test(`${role}: a welcome without keys is not believed`, async (t) => {
    const { standIn, logged } = await runAgent(t, kind)
    standIn.instead = ({ channel, peer }) => {
      channel.send({
        ...{
          type: 'welcome',
          agent: peer.identity.id,
          tenant: peer.identity.tenant,
          serverTimeMs: Date.now(),
        },
        ...{ edge: { id: 'edg_test', host: '127.0.0.1', port: 1 }, revoked: [] },
      })
    }
    const { channel } = await standIn.arrival(0)
    await channel.closed
    await until(() => logged('control.down').length > 0)
    assert.equal(logged('control.down')[0]!.code, 'PEER_REFUSED')
    assert.equal(logged('control.up').length, 0)
  })

  test(`${role}: a jump of its clock has it dial anew, once`, async (t) => {
    const { standIn, logged } = await runAgent(t, kind)
    const { channel } = await standIn.arrival(0)
    await until(() => logged('control.up').length === 1)
    const now = Date.now
    t.mock.method(Date, 'now', () => now() + 60_000)
    await standIn.arrival(1)
    assert.equal(channel.parting?.why, 'clock')
    assert.match(channel.parting?.detail ?? '', /^(59|60) s$/)
    assert.equal(logged('clock.jumped').length, 1)
    await sleep(LATER_MS)
    assert.equal(standIn.arrivals.length, 2)
  })
}
