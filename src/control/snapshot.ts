import { parsePorts } from '../api/fields.ts'
import type { ConnectorKind } from '../api/specs.ts'
import type { PolicyRule } from '../policy/rule.ts'
import type { PolicySegment, PortRange } from '../policy/segment.ts'
import type { ConnectorRecord } from '../store/connectors.ts'
import type { StoredObject } from '../store/objects.ts'
import type { Repositories, Store } from '../store/store.ts'

export interface PolicyUser {
  readonly name: string
  readonly enabled: boolean
  readonly groups: readonly string[]
}

/** A connector group behind a segment whose members do not serve private applications. */
export interface WrongKind {
  readonly id: string
  readonly name: string
  readonly kind: Exclude<ConnectorKind, 'app'>
}

/** Everything a decision rests on, as of one policy version. */
export interface PolicySnapshot {
  readonly version: number
  readonly segments: readonly PolicySegment[]
  readonly rules: readonly PolicyRule[]
  /** Those that are enabled: names that clients send straight to the internet. */
  readonly internetRules: readonly { readonly name: string; readonly domains: readonly string[] }[]
  /** By id. */
  readonly users: ReadonlyMap<string, PolicyUser>
  /** Ids of the enabled connector groups behind a segment, those that only take over last. */
  connectorGroupsOf(segment: PolicySegment): string[]
  /** Those of them that serve only while no other does. */
  failoverGroupsOf(segment: PolicySegment): string[]
  /** Which of these groups hold no App Connectors, and what they hold. */
  wrongKinds(groups: readonly string[]): WrongKind[]
  /** Connectors of these groups, the disabled too. */
  members(groups: readonly string[]): ConnectorRecord[]
}

/** Reads the policy as one consistent whole. */
export function loadPolicy(store: Store): Promise<PolicySnapshot> {
  return store.transaction(read)
}

/** A snapshot that is read again only when the policy has changed. */
export function cachedPolicy(store: Store): () => Promise<PolicySnapshot> {
  let cached: PolicySnapshot | undefined
  let loading: Promise<PolicySnapshot> | undefined
  return async () => {
    const version = await store.policyVersion()
    if (cached?.version === version) return cached
    loading ??= loadPolicy(store).finally(() => {
      loading = undefined
    })
    const loaded = await loading
    if (cached === undefined || loaded.version > cached.version) cached = loaded
    // The load under way may have begun before the change that was just seen.
    return loaded.version >= version ? loaded : loadPolicy(store)
  }
}

async function read(tx: Repositories): Promise<PolicySnapshot> {
  const version = await tx.policyVersion()
  const [groups, servers, serverGroups] = [
    await tx.objects.all('connector-group'),
    await tx.objects.all('server'),
    await tx.objects.all('server-group'),
  ]
  const enabledGroups = new Set(groups.filter((group) => group.spec.enabled).map((group) => group.id))
  const addresses = new Map(
    servers.filter((server) => server.spec.enabled).map((server) => [server.id, server.spec.address]),
  )
  const behind = new Map(serverGroups.map((group) => [group.id, reachOf(group, addresses, enabledGroups)]))
  const segmentGroups = new Map((await tx.objects.all('segment-group')).map((one) => [one.id, one.spec]))
  const segments = (await tx.objects.all('segment')).map((segment) => {
    const group = segment.spec.segmentGroup
    const enabled =
      segment.spec.enabled && (group === undefined || segmentGroups.get(group)?.enabled === true)
    return policySegment(segment, enabled, behind)
  })
  const facts = new Map((await tx.objects.all('posture-fact')).map((fact) => [fact.id, fact.name]))
  const rules = (await tx.objects.all('access-rule')).map((rule) => policyRule(rule, facts))
  const users = new Map(
    (await tx.objects.all('user')).map(({ id, name, spec }) => [
      id,
      { name, enabled: spec.enabled, groups: spec.groups },
    ]),
  )
  const wrong = groups.flatMap(({ id, name, spec: { connectorKind: kind } }): WrongKind[] =>
    kind === 'app' ? [] : [{ id, name, kind }],
  )
  const internetRules = (await tx.objects.all('internet-rule')).flatMap(({ name, spec }) =>
    spec.enabled ? { name, domains: spec.domains } : [],
  )
  const nativeOf = ({ serverGroups: ids }: PolicySegment) =>
    ids.flatMap((id) => behind.get(id)?.connectorGroups ?? [])
  const takingOver = ({ serverGroups: ids }: PolicySegment) =>
    ids.flatMap((id) => behind.get(id)?.failoverGroups ?? [])
  const members = Map.groupBy(await tx.connectors.all(), (connector) => connector.groupId)
  return {
    version,
    segments,
    rules,
    internetRules,
    users,
    connectorGroupsOf: (segment) => [...new Set([...nativeOf(segment), ...takingOver(segment)])],
    failoverGroupsOf: (segment) => {
      const native = new Set(nativeOf(segment))
      return [...new Set(takingOver(segment))].filter((id) => !native.has(id))
    },
    wrongKinds: (ids) => wrong.filter(({ id }) => ids.includes(id)),
    members: (ids) => ids.flatMap((id) => members.get(id) ?? []),
  }
}

/** What a server group adds to a segment. */
interface Reach {
  readonly connectorGroups: readonly string[]
  readonly failoverGroups: readonly string[]
  /** Only these addresses; absent where servers are discovered. */
  readonly addresses?: readonly string[]
}

/** A group that is disabled, or lists servers of which none is enabled, leads nowhere. */
function reachOf(
  { spec }: StoredObject<'server-group'>,
  servers: ReadonlyMap<string, string>,
  enabledGroups: ReadonlySet<string>,
): Reach {
  const connectorGroups = spec.connectorGroups.filter((id) => enabledGroups.has(id))
  // Written before there was a failover tier, it has none.
  const failoverGroups = (spec.failoverConnectorGroups ?? []).filter((id) => enabledGroups.has(id))
  const nowhere = { connectorGroups: [], failoverGroups: [] }
  if (!spec.enabled) return { ...nowhere, addresses: [] }
  if (spec.dynamicDiscovery) return { connectorGroups, failoverGroups }
  const addresses = spec.servers.flatMap((id) => servers.get(id) ?? [])
  return addresses.length === 0 ? { ...nowhere, addresses } : { connectorGroups, failoverGroups, addresses }
}

function policySegment(
  { id, name, spec }: StoredObject<'segment'>,
  enabled: boolean,
  behind: ReadonlyMap<string, Reach>,
): PolicySegment {
  const reaches = spec.serverGroups.flatMap((group) => behind.get(group) ?? [])
  const useful = reaches.filter((reach) => reach.connectorGroups.length + reach.failoverGroups.length > 0)
  const listed = useful.some((reach) => reach.addresses === undefined)
    ? []
    : useful.flatMap((reach) => reach.addresses ?? []).map(asCidr)
  return {
    id,
    name,
    hosts: spec.domains,
    cidrs: spec.cidrs,
    tcp: spec.tcp.map(range),
    udp: spec.udp.map(range),
    health: spec.health,
    segmentGroup: spec.segmentGroup,
    serverGroups: spec.serverGroups,
    enabled,
    // Servers that are listed one by one say more than a network they stand in.
    addressCidrs: listed.length > 0 ? [...new Set(listed)] : spec.addressCidrs,
  }
}

function policyRule({ id, name, spec }: StoredObject<'access-rule'>, facts: Map<string, string>): PolicyRule {
  const posture = spec.conditions.posture?.map(({ fact, equals }) => ({
    fact: facts.get(fact) ?? fact,
    equals,
  }))
  return {
    id,
    name,
    order: spec.order,
    enabled: spec.enabled,
    action: spec.action,
    conditions: { ...spec.conditions, posture },
  }
}

function asCidr(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`
}

/** Stored ranges were checked when they were written. */
function range(text: string): PortRange {
  const ports = parsePorts(text)
  if (ports === undefined)
    throw new TypeError(`Cannot read ports as they must be "443" or "8000-8100": got ${text}`)
  return ports
}
