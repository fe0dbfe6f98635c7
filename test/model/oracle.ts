/**
 * Who may reach what, asked of the stored objects one by one: no index, no snapshot, nothing kept from one question to
 * the next. Slow, and written from what the documents say, so that it shares no defect with the engine.
 *
 * @module
 */
import type { ObjectKind, ObjectSpecs } from '../../src/api/kinds.ts'
import { leadsFurther } from '../../src/policy/leads-further.ts'
import type { ConnectorRecord } from '../../src/store/connectors.ts'
import type { DeviceRecord } from '../../src/store/device-record.ts'
import type { StoredObject } from '../../src/store/objects.ts'
import type { Store } from '../../src/store/store.ts'
import type { To } from './change.ts'

export interface Question {
  /** Whose it was when it began; without one: whose it is now. */
  readonly user?: string
  readonly device: string
  /** Without one: any that serves it. */
  readonly connector?: string
  readonly to: To
  /** Where the session was let to when it began. */
  readonly networks?: readonly string[]
}

type All = { readonly [K in ObjectKind]?: readonly StoredObject<K>[] }

export class Oracle {
  readonly #objects: All
  readonly #devices: readonly DeviceRecord[]
  readonly #connectors: readonly ConnectorRecord[]
  readonly #nowMs: number

  static async read(store: Store, nowMs: number): Promise<Oracle> {
    const kinds = [
      ...(['connector-group', 'server', 'server-group', 'segment-group', 'segment'] as const),
      ...(['user', 'posture-fact', 'access-rule'] as const),
    ]
    const entries = await Promise.all(
      kinds.map(async (kind) => [kind, await store.objects.all(kind)] as const),
    )
    const { items: devices } = await store.devices.list({ limit: 500 })
    return new Oracle(Object.fromEntries(entries) as All, devices, await store.connectors.all(), nowMs)
  }

  private constructor(
    objects: All,
    devices: readonly DeviceRecord[],
    connectors: readonly ConnectorRecord[],
    nowMs: number,
  ) {
    this.#objects = objects
    this.#devices = devices
    this.#connectors = connectors
    this.#nowMs = nowMs
  }

  /** Nothing if it is allowed now, or why it is not. */
  refusal({ user: was, device: deviceId, connector, to, networks }: Question): string | undefined {
    const device = this.#devices.find(({ id }) => id === deviceId)
    if (device === undefined) return 'the device is gone'
    if (!device.enabled) return 'the device is disabled'
    if (was !== undefined && device.userId !== was) return 'the device is of another user'
    if (device.signIn === undefined || device.signIn.endMs <= this.#nowMs) return 'nobody is signed in'
    const user = this.#of('user', device.userId)
    if (user === undefined || !user.enabled) return 'the user is gone or disabled'
    const segment = this.#segmentOf(to)
    if (segment === undefined) return 'no segment has it'
    const rule = this.#all('access-rule')
      .filter(({ spec }) => spec.enabled)
      .sort((a, b) => a.spec.order - b.spec.order || (a.id < b.id ? -1 : 1))
      .find(({ spec }) => this.#holds(spec.conditions, device, user.groups, segment))
    if (rule === undefined) return `no rule allows ${segment.name}`
    if (rule.spec.action === 'deny') return `rule ${rule.name} denies ${segment.name}`
    if (!this.#isServed(segment, connector)) return `no such connector serves ${segment.name}`
    if (networks === undefined || !leadsFurther(to.host, networks, this.#networks(segment, to.host)))
      return undefined
    return `${segment.name} means fewer networks now`
  }

  #all<K extends ObjectKind>(kind: K): readonly StoredObject<K>[] {
    return this.#objects[kind] ?? []
  }

  #of<K extends ObjectKind>(kind: K, id: string): ObjectSpecs[K] | undefined {
    return this.#all(kind).find((one) => one.id === id)?.spec as ObjectSpecs[K] | undefined
  }

  #segmentOf({ host, port, protocol }: To): StoredObject<'segment'> | undefined {
    const ranked = this.#all('segment')
      .filter(({ spec }) => spec.enabled)
      .filter(
        ({ spec }) =>
          spec.segmentGroup === undefined || this.#of('segment-group', spec.segmentGroup)?.enabled,
      )
      .map((segment) => ({ segment, rank: closeness(segment.spec, host) }))
      .filter(({ rank }) => rank > 0)
    const closest = Math.max(0, ...ranked.map(({ rank }) => rank))
    return ranked
      .filter(({ rank }) => rank === closest)
      .map(({ segment }) => segment)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .find(({ spec }) => spec[protocol].some((text) => isIn(text, port)))
  }

  #holds(
    {
      users,
      userGroups,
      devices,
      posture,
      clientKinds,
      segments,
      segmentGroups,
      time,
    }: ObjectSpecs['access-rule']['conditions'],
    device: DeviceRecord,
    groups: readonly string[],
    segment: StoredObject<'segment'>,
  ): boolean {
    if (users !== undefined && !users.includes(device.userId)) return false
    if (userGroups !== undefined && !userGroups.some((id) => groups.includes(id))) return false
    if (devices !== undefined && !devices.includes(device.id)) return false
    if (clientKinds !== undefined && !clientKinds.includes('client')) return false
    if (segments !== undefined && !segments.includes(segment.id)) return false
    if (segmentGroups !== undefined && !segmentGroups.includes(segment.spec.segmentGroup ?? '')) return false
    if (posture?.length === 0) return false
    for (const { fact, equals } of posture ?? []) {
      const name = this.#all('posture-fact').find(({ id }) => id === fact)?.name ?? fact
      const facts = { ...device.reportedPosture, ...device.assignedPosture }
      if (facts[name] !== equals) return false
    }
    return time === undefined || isOpen(time, this.#nowMs)
  }

  #reaches(segment: StoredObject<'segment'>) {
    return segment.spec.serverGroups.flatMap((id) => {
      const group = this.#of('server-group', id)
      if (group === undefined || !group.enabled) return []
      const servers = group.servers.flatMap((server) => this.#of('server', server) ?? [])
      const addresses = servers.filter(({ enabled }) => enabled).map(({ address }) => address)
      if (!group.dynamicDiscovery && addresses.length === 0) return []
      const behind = [...group.connectorGroups, ...(group.failoverConnectorGroups ?? [])]
      const enabled = behind.filter((one) => this.#of('connector-group', one)?.enabled)
      return [{ enabled, addresses: group.dynamicDiscovery ? undefined : addresses }]
    })
  }

  #isServed(segment: StoredObject<'segment'>, connector: string | undefined): boolean {
    const groups = this.#reaches(segment).flatMap(({ enabled }) => enabled)
    return this.#connectors.some(
      ({ id, enabled, groupId }) =>
        (connector === undefined || id === connector) &&
        enabled &&
        groups.includes(groupId) &&
        this.#of('connector-group', groupId)?.connectorKind === 'app',
    )
  }

  /** Of an address: the networks of the segment that hold it. Of a name: the servers that are listed, or what it says. */
  #networks(segment: StoredObject<'segment'>, host: string): string[] {
    if (isAddress(host)) return segment.spec.cidrs.filter((cidr) => holds(cidr, host))
    const useful = this.#reaches(segment).filter(({ enabled }) => enabled.length > 0)
    const listed = useful.flatMap(({ addresses }) => addresses ?? [])
    const some = listed.length > 0 && useful.every(({ addresses }) => addresses !== undefined)
    return some ? listed.map((address) => `${address}/32`) : [...segment.spec.addressCidrs]
  }
}

function isAddress(host: string): boolean {
  return /^[0-9.]+$/.test(host)
}

/** The model has IPv4 only; the engine is held to all spellings by its own tests. */
function bits(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

function holds(cidr: string, address: string): boolean {
  const [base = '', prefix] = cidr.split('/')
  const size = 2 ** (32 - Number(prefix))
  return Math.floor(bits(base) / size) === Math.floor(bits(address) / size)
}

/** A host by its name, then the longest suffix, then the smallest network. */
function closeness({ domains, cidrs }: ObjectSpecs['segment'], host: string): number {
  const names = domains.map((pattern) => {
    if (pattern === host) return 10_000
    return pattern.startsWith('*.') && host.endsWith(pattern.slice(1)) ? 1000 + pattern.length : 0
  })
  const networks = isAddress(host)
    ? cidrs.map((cidr) => (holds(cidr, host) ? 1 + Number(cidr.split('/')[1]) : 0))
    : []
  return Math.max(0, ...names, ...networks)
}

function isIn(text: string, port: number): boolean {
  const [from, to = from] = text.split('-').map(Number)
  return port >= from! && port <= to!
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** Whoever starts at `from` on one of the days is in until `to`, that day or the next. */
function isOpen(
  { days, from, to, zone }: NonNullable<ObjectSpecs['access-rule']['conditions']['time']>,
  nowMs: number,
): boolean {
  const local = new Date(`${new Date(nowMs).toLocaleString('sv-SE', { timeZone: zone })}Z`)
  const now = local.toISOString().slice(11, 16)
  const day = local.getUTCDay()
  const today = days.includes(DAYS[day]!)
  if (from < to) return today && now >= from && now < to
  return (today && now >= from) || (days.includes(DAYS[(day + 6) % 7]!) && now < to)
}
