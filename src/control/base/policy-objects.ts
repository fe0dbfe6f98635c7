/**
 * Stored objects as policy sees them. What cannot be read is named, and closed: a segment keeps what can be read of
 * its names and lets nobody in, a rule that denies (or does not say what it does) denies all that it may have meant,
 * a rule that allows is as if it were not there. Everything else stands.
 *
 * @module
 */
import type { ObjectKind } from '../../api/kinds.ts'
import { Fault } from '../../base/faults.ts'
import { canonicalCidr, canonicalHost, canonicalPattern } from '../../policy/destination.ts'
import { type PortRange, parsePorts } from '../../policy/ports.ts'
import { type Conditions, type PolicyRule, type TimeWindow, WEEKDAYS } from '../../policy/rule.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import { isTimeZone, readTime } from '../../policy/time-window.ts'
import type { StoredObject } from '../../store/objects.ts'

export interface UnreadableObject {
  readonly kind: ObjectKind
  readonly id: string
  readonly name: string
  readonly why: string
}

/** What a server group adds to a segment. */
export interface ServerReach {
  readonly connectorGroups: readonly string[]
  readonly failoverGroups: readonly string[]
  /** Only these addresses; absent where servers are discovered. */
  readonly addresses?: readonly string[]
}

export const NOWHERE: ServerReach = { connectorGroups: [], failoverGroups: [], addresses: [] }

/** A group that is disabled, or lists servers of which none is enabled, leads nowhere. */
export function reachOf(
  { spec }: StoredObject<'server-group'>,
  servers: ReadonlyMap<string, string>,
  enabledGroups: ReadonlySet<string>,
): ServerReach {
  if (!spec.enabled) return NOWHERE
  const connectorGroups = spec.connectorGroups.filter((id) => enabledGroups.has(id))
  // Written before there was a failover tier, it has none.
  const failoverGroups = (spec.failoverConnectorGroups ?? []).filter((id) => enabledGroups.has(id))
  if (spec.dynamicDiscovery) return { connectorGroups, failoverGroups }
  const addresses = spec.servers.flatMap((id) => servers.get(id) ?? [])
  return addresses.length === 0 ? NOWHERE : { connectorGroups, failoverGroups, addresses }
}

const EVERY_PORT: readonly PortRange[] = [[1, 65_535]]

export function policySegment(
  stored: StoredObject<'segment'>,
  enabled: boolean,
  behind: ReadonlyMap<string, ServerReach>,
): PolicySegment {
  const { id, name, spec } = stored
  const reading = new ObjectReading()
  const hosts = reading.list('domains', spec.domains, canonicalPattern)
  const cidrs = reading.networks('cidrs', spec.cidrs)
  const addressCidrs = reading.networks('addressCidrs', spec.addressCidrs)
  const tcp = reading.list('tcp', spec.tcp, ports)
  const udp = reading.list('udp', spec.udp, ports)
  const serverGroups = reading.list('serverGroups', spec.serverGroups, String)
  const unreadable = reading.problem
  LOOKED_AT.set(stored, { why: unreadable })
  const reaches = serverGroups.flatMap((group) => behind.get(group) ?? [])
  const useful = reaches.filter((reach) => reach.connectorGroups.length + reach.failoverGroups.length > 0)
  const listed = useful.some((reach) => reach.addresses === undefined)
    ? []
    : useful.flatMap((reach) => reach.addresses ?? []).map(canonicalCidr)
  return {
    ...{ id, name, hosts, cidrs, serverGroups, enabled },
    // Whichever port was meant: another segment with the same name is not asked in its place.
    ...(unreadable === undefined ? { tcp, udp } : { tcp: EVERY_PORT, udp: EVERY_PORT, unreadable }),
    health: unreadable === undefined ? spec.health : 'none',
    segmentGroup: spec.segmentGroup,
    // Servers that are listed one by one say more than a network they stand in.
    addressCidrs: listed.length > 0 ? [...new Set(listed)] : addressCidrs,
  }
}

/** @returns undefined for a rule that allowed, and whose conditions nobody can tell. */
export function policyRule(
  stored: StoredObject<'access-rule'>,
  facts: ReadonlyMap<string, string>,
): { readonly rule?: PolicyRule; readonly unreadable?: string } {
  const { id, name, spec } = stored
  const reading = new ObjectReading()
  const said = reading.one('conditions', () => conditionsOf(spec)) ?? {}
  // One that is not known narrows whom the rule is for: an allow is not for everybody else because of that.
  const unknown = Object.keys(said).filter((name) => !CONDITIONS.has(name))
  if (unknown.length > 0) reading.problems.push(`conditions: unknown: ${unknown.join(', ')}`)
  const conditions: { -readonly [Name in keyof Conditions]: Conditions[Name] } = {}
  for (const list of ID_LISTS) {
    if (said[list] === undefined) continue
    const ids = reading.whole(list, said[list], idText)
    if (ids !== undefined) conditions[list] = ids
  }
  if (said.posture !== undefined) {
    conditions.posture = reading.whole('posture', said.posture, ({ fact, equals }) => ({
      fact: facts.get(fact) ?? fact,
      equals,
    }))
  }
  if (said.time !== undefined) conditions.time = reading.one('time', () => readWindow(said.time!))
  const known = spec.action === 'allow' || spec.action === 'deny'
  if (!known) reading.problems.push('action: neither allow nor deny')
  if (typeof spec.enabled !== 'boolean') reading.problems.push('enabled: neither true nor false')
  if (typeof spec.order !== 'number') reading.problems.push('order: not a number')
  const unreadable = reading.problem
  LOOKED_AT.set(stored, { why: unreadable })
  const { order, enabled, action } = spec
  if (unreadable === undefined) return { rule: { id, name, order, enabled, action, conditions } }
  if (enabled === false || action === 'allow') return { unreadable }
  // Wider than it was written, and where its place is unknown before all others: it opens nothing.
  const place = typeof order === 'number' ? order : Number.NEGATIVE_INFINITY
  return {
    rule: { id, name, order: place, enabled: true, action: 'deny', conditions, unreadable },
    unreadable,
  }
}

/** Names that an internet rule sends straight out: those that can be read, so that the rest stays inside. */
export function internetNames({ spec }: StoredObject<'internet-rule'>): {
  readonly domains: readonly string[]
  readonly unreadable?: string
} {
  const reading = new ObjectReading()
  const domains = reading.list('domains', spec.domains, canonicalPattern)
  return { domains, unreadable: reading.problem }
}

/** What of a stored object policy cannot read, or nothing: as the snapshot notes it. */
export function whyUnreadable(stored: StoredObject): string | undefined {
  const before = LOOKED_AT.get(stored) ?? { why: lookAt(stored) }
  LOOKED_AT.set(stored, before)
  return before.why
}

/** Objects that are kept: whoever makes policy of one, or lint, looks for all. */
const LOOKED_AT = new WeakMap<StoredObject, { readonly why: string | undefined }>()

function lookAt(stored: StoredObject): string | undefined {
  const reading = new ObjectReading()
  const why = reading.one('spec', () => {
    if (isKind('segment', stored)) return policySegment(stored, true, new Map()).unreadable
    if (isKind('access-rule', stored)) return policyRule(stored, new Map()).unreadable
    if (isKind('internet-rule', stored)) return internetNames(stored).unreadable
    if (isKind('server-group', stored)) reachOf(stored, new Map(), new Set())
    if (isKind('user', stored)) reading.whole('groups', stored.spec.groups, String)
    if (isKind('edge', stored)) {
      canonicalHost(stored.spec.host)
      reading.whole('addresses', stored.spec.addresses, canonicalHost)
      if (typeof stored.spec.port !== 'number') reading.problems.push('port: not a number')
    }
    return undefined
  })
  return why ?? reading.problem
}

function isKind<K extends ObjectKind>(kind: K, stored: StoredObject): stored is StoredObject<K> {
  return stored.kind === kind
}

const ID_LISTS = ['users', 'userGroups', 'devices', 'segments', 'segmentGroups', 'clientKinds'] as const

function idText(id: unknown): string {
  if (typeof id === 'string') return id
  throw new Fault('INVALID', 'an id is not text')
}

const CONDITIONS: ReadonlySet<string> = new Set([...ID_LISTS, 'posture', 'time'])

function conditionsOf({ conditions }: { readonly conditions: Conditions }): Conditions {
  if (typeof conditions === 'object' && conditions !== null && !Array.isArray(conditions)) return conditions
  throw new Fault('INVALID', 'not an object')
}

function readWindow(window: TimeWindow): TimeWindow {
  const { days, from, to, zone } = window
  if (!Array.isArray(days) || !days.every((day) => WEEKDAYS.includes(day)))
    throw new Fault('INVALID', 'the list of days is empty or invalid')
  if (!isTimeZone(zone)) throw new Fault('INVALID', `"${zone}" is not a time zone`)
  readTime(from)
  readTime(to)
  return window
}

function ports(text: string): PortRange {
  const range = parsePorts(text)
  if (range === undefined) throw new Fault('INVALID', `"${text}" is not a port or range`)
  return range
}

/** Collects what could not be read of one object. */
class ObjectReading {
  readonly problems: string[] = []

  get problem(): string | undefined {
    const [first, ...more] = this.problems
    return first && `${first.slice(0, 256)}${more.length === 0 ? '' : `; and ${more.length} more`}`
  }

  one<Result>(field: string, read: () => Result): Result | undefined {
    try {
      return read()
    } catch (thrown) {
      this.#note(field, thrown)
      return undefined
    }
  }

  /** Those that can be read. */
  list<Item, Result>(field: string, items: readonly Item[], read: (item: Item) => Result): Result[] {
    const all = this.one(field, () => {
      if (!Array.isArray(items)) throw new Fault('INVALID', 'not a list')
      return items as readonly Item[]
    })
    return (all ?? [])
      .map((item) => this.one(field, () => read(item)))
      .filter((result) => result !== undefined) as Result[]
  }

  /** As list. One with bits set after its prefix claims what it is most likely to mean. */
  networks(field: string, texts: readonly string[]): string[] {
    return this.list(field, texts, (text) => {
      try {
        return canonicalCidr(text)
      } catch (thrown) {
        this.#note(field, thrown)
        return thrown instanceof Fault && thrown.seen.meant !== undefined ? String(thrown.seen.meant) : []
      }
    }).flat()
  }

  /** All, or nothing: half a list is another condition. */
  whole<Item, Result>(
    field: string,
    items: readonly Item[],
    read: (item: Item) => Result,
  ): Result[] | undefined {
    const before = this.problems.length
    const all = this.list(field, items, read)
    return this.problems.length === before ? all : undefined
  }

  #note(field: string, thrown: unknown): void {
    this.problems.push(`${field}: ${thrown instanceof Fault ? thrown.detail : String(thrown)}`)
  }
}
