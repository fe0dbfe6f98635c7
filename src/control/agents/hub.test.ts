import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import type { ControlEnd } from '../../link/control/control-ends.ts'
import type { Peer } from '../../pki/verify.ts'
import { type AgentMessage, type ControlMessage, PROTOCOL_VERSION } from '../../wire/control.ts'
import { enrolDevice, enrolledConnector, type OpenedControl, openControl, put } from './control.fixture.ts'
import { agentHandlers } from './handlers.ts'
import { type AgentHandlers, Hub } from './hub.ts'

/** One end of a control connection: what it was sent, and what it says. */
function channelThat(alive: Promise<boolean>) {
  const ended = Promise.withResolvers<Fault | undefined>()
  const sent: ControlMessage[] = []
  const end = {
    onMessage: undefined as ((message: AgentMessage) => void) | undefined,
    send: (message: ControlMessage) => sent.push(message) > 0,
    hold: () => {},
    release: (message: ControlMessage) => void sent.push(message),
    sendAll: (messages: Iterable<ControlMessage>) => void sent.push(...messages),
    closed: ended.promise,
    close: (fault?: Fault) => ended.resolve(fault),
    isAlive: () => alive,
    pause() {},
    resume() {},
  }
  return { sent, ended, end, channel: end as unknown as ControlEnd }
}

const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

async function connectorOf({ store, parts }: OpenedControl) {
  const group = await put(store, 'connector-group', 'dc1')
  const record = await enrolledConnector(store, group.id, 'con')
  const { serial, thumbprint, publicKeyHash, notAfterMs } = record
  const identity = { tenant: parts.tenant, role: 'connector', id: record.id } as const
  return { identity, serial, thumbprint, publicKeyHash, notAfterMs } as Peer
}

const HELLO: AgentMessage = {
  type: 'hello',
  version: PROTOCOL_VERSION,
  ...{ role: 'connector', program: 'p', host: 'h', timeMs: Date.now() },
}

test('a connector that is disabled while its former connection is asked for a sign of life is not let in', async () => {
  await using control = await openControl()
  const { parts, store } = control
  const peer = await connectorOf(control)
  const hub = new Hub({ ...parts, handlers: agentHandlers(parts), log: silentLog })
  const alive = Promise.withResolvers<boolean>()
  const former = channelThat(alive.promise)
  hub.attach(former.channel, peer, { from: '192.0.2.1', via: 'edg_1' })
  former.end.onMessage!(HELLO)
  await settled()
  const next = channelThat(Promise.resolve(true))
  hub.attach(next.channel, peer, { from: '192.0.2.2', via: 'edg_1' })
  next.end.onMessage!(HELLO)
  await settled()
  await store.connectors.update(peer.identity.id, { enabled: false })
  alive.resolve(false)
  await settled()
  assert.deepEqual(
    next.sent.map((message) => (message.type === 'goodbye' ? message.fault.code : message.type)),
    ['IDENTITY_REVOKED'],
  )
})

test('a handler that throws ends in INTERNAL for its request; the agent stays, and others never hear of it', async () => {
  await using control = await openControl()
  const { parts } = control
  const peer = await connectorOf(control)
  const errors: string[] = []
  const log = { ...silentLog, error: (fields: { event: string }) => void errors.push(fields.event) }
  const broken: AgentHandlers = {
    ...agentHandlers(parts),
    handle: () => Promise.reject(new TypeError('a defect')),
    left() {
      throw new TypeError('another defect')
    },
  }
  const hub = new Hub({ ...parts, handlers: broken, log: log as typeof silentLog })
  const { sent, end, ended, channel } = channelThat(Promise.resolve(true))
  hub.attach(channel, peer, { from: '192.0.2.1', via: 'edg_1' })
  end.onMessage!(HELLO)
  await settled()
  end.onMessage!({ type: 'canary', id: 'req_1', session: 'ses_1' } as unknown as AgentMessage)
  await settled()
  const failed = sent.find((message) => message.type === 'failed')
  assert.equal(failed?.fault.code, 'INTERNAL')
  assert.notEqual(parts.presence.connector(peer.identity.id), undefined)
  ended.resolve(undefined)
  await settled()
  assert.deepEqual(errors, ['agent.defect', 'agent.defect'])
  assert.equal(parts.presence.connector(peer.identity.id), undefined)
})

test('whoever connects with many devices at once waits for its own welcomes: that of another comes between', async () => {
  await using control = await openControl()
  const { parts } = control
  const peer = await connectorOf(control)
  const order: string[] = []
  const ends: (() => void)[] = []
  const flood = Array.from({ length: 10 }, (_, n) =>
    parts.shares.welcomes.run('usr_mallory', async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      ends.push(resolve)
      await promise
      order.push(`mallory ${n}`)
    }),
  )
  const asha = await put(control.store, 'user', 'asha', { displayName: 'Asha' })
  const device = await enrolDevice(control.store, asha.id, 'laptop')
  const identity = { tenant: parts.tenant, role: 'client', id: device.id } as const
  const { serial, thumbprint, publicKeyHash, notAfterMs } = device
  const client = { identity, serial, thumbprint, publicKeyHash, notAfterMs } as Peer
  const hub = new Hub({ ...parts, handlers: agentHandlers(parts), log: silentLog })
  const welcomed = (channel: ReturnType<typeof channelThat>) =>
    channel.sent.some(({ type }) => type === 'welcome')
  const theirs = channelThat(Promise.resolve(true))
  hub.attach(theirs.channel, client, { from: '192.0.2.1', via: 'edg_1' })
  theirs.end.onMessage!({ ...HELLO, role: 'client' } as AgentMessage)
  // Connectors take no turn: theirs costs nothing.
  const connector = channelThat(Promise.resolve(true))
  hub.attach(connector.channel, peer, { from: '192.0.2.2', via: 'edg_1' })
  connector.end.onMessage!(HELLO)
  await settled()
  assert.deepEqual([welcomed(theirs), welcomed(connector)], [false, true])
  ends[0]!()
  ends[1]!()
  for (let turn = 0; turn < 200 && !welcomed(theirs); turn++) await new Promise(setImmediate)
  assert.deepEqual([welcomed(theirs), order], [true, ['mallory 0', 'mallory 1']])
  while (order.length < 10) {
    for (const end of ends.splice(0)) end()
    await new Promise(setImmediate)
  }
  await Promise.all(flood)
})
