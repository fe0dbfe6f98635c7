/** The parts of a control plane on a directory of its own, and agents whose channels keep what they are sent. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { OBJECT_KINDS, type ObjectKind } from '../../api/kinds.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { type Log, silentLog } from '../../base/log.ts'
import type { Store } from '../../store/store.ts'
import type { ControlMessage } from '../../wire/control.ts'
import { type ControlParts, openParts } from '../parts.ts'
import type { Connected } from '../presence/presence.ts'

export interface OpenedControl extends AsyncDisposable {
  readonly parts: ControlParts
  readonly store: Store
  readonly stateDir: string
}

export async function openControl({
  clock = systemClock,
  log = silentLog,
}: {
  clock?: Clock
  log?: Log
} = {}): Promise<OpenedControl> {
  const stateDir = await mkdtemp(path.join(tmpdir(), 'control-'))
  const parts = await openParts({ stateDir, edge: { host: 'edge.example', port: 443 }, log, clock })
  parts.home.port = 443
  return {
    ...{ parts, stateDir, store: parts.store },
    async [Symbol.asyncDispose]() {
      await parts.store[Symbol.asyncDispose]()
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}

/** @param fields As a person writes them; the rest as it is by default. */
export function put(
  store: Pick<Store, 'objects'>,
  kind: ObjectKind,
  name: string,
  fields: object = {},
  id?: string,
) {
  return store.objects.put({ kind, name, id, spec: OBJECT_KINDS[kind].spec.parse(fields) })
}

export interface FakeAgent extends Connected {
  readonly sent: ControlMessage[]
}

/** An agent that is connected, as the hub knows it. */
export function connected(role: 'client' | 'connector', id: string): FakeAgent {
  const sent: ControlMessage[] = []
  const channel = {
    send: (message: ControlMessage) => sent.push(message) > 0,
    sendAll: (messages: Iterable<ControlMessage>) => void sent.push(...messages),
    closed: new Promise<undefined>(() => {}),
    onMessage: undefined,
    close() {},
    isAlive: async () => true,
    pause() {},
    resume() {},
  }
  return {
    sent,
    peer: {
      identity: { tenant: 'tnt_1', role, id },
      ...{ serial: 'AA', thumbprint: 'ab'.repeat(32), publicKeyHash: 'cd'.repeat(32) },
      notAfterMs: Date.now() + 86_400_000,
    },
    channel: channel as unknown as Connected['channel'],
    ...{ from: '192.0.2.1', via: 'edg_x', hostName: 'h', program: 'p', sinceMs: Date.now() },
    skewMs: 0,
    ...{ state: 'healthy', sessions: 0, tunnels: 0, cpuPercent: 0, rssBytes: 0, rttUs: 0, edges: new Map() },
  }
}

const held = () => ({
  thumbprint: 'ab'.repeat(32),
  serial: randomBytes(8).toString('hex'),
  notAfterMs: Date.now() + 7 * 86_400_000,
  generation: 1,
  publicKeyHash: randomBytes(8).toString('hex'),
})

export function enrolledConnector(store: Pick<Store, 'connectors'>, groupId: string, name: string) {
  const host = { name, platform: 'linux', program: 'test' }
  return store.connectors.create({ ...held(), groupId, fingerprint: {}, host, name })
}

/** With a sign-in that lasts a day. */
export async function enrolDevice(store: Pick<Store, 'devices' | 'signIns'>, userId: string, name: string) {
  const host = { name, platform: 'linux', program: 'test' }
  const { id } = await store.devices.create({ ...held(), userId, host, name })
  await store.signIns.begin({ userId, deviceId: id, atMs: Date.now(), endMs: Date.now() + 86_400_000 })
  return (await store.devices.byId(id))!
}
