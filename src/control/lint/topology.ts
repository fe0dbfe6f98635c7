import type { StoredSegment } from '../../control/lint/claims.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { LintFacts } from './lint-facts.ts'

/** From segments to connector groups, as far as it is enabled. */
export interface Chain {
  readonly segments: readonly StoredSegment[]
  /** Is this an enabled server group with an enabled connector group behind it, be it a failover? */
  leadsOn(serverGroup: string): boolean
  /** Ids of the connector groups that an enabled server group names for every day: not those it has as failover. */
  primariesBehind(serverGroup: string): readonly string[]
  serverGroup(id: string): StoredObject<'server-group'> | undefined
}

/** With what each connector group has to do: looked up once, used by several rules. */
export interface Topology extends Chain {
  /** Enabled connectors in order of name, by id of the connector group. */
  members(group: string): readonly ConnectorRecord[]
  /** Enabled segments that a connector group serves from day to day. */
  segmentsBehind(group: string): readonly StoredSegment[]
}

export function enabledChainOf(facts: LintFacts): Chain {
  const { declared } = facts
  const serverGroups = new Map(declared['server-group'].map((one) => [one.id, one]))
  const enabledGroups = new Set(
    declared['connector-group'].filter(({ spec }) => spec.enabled).map(({ id }) => id),
  )
  return {
    segments: enabledSegments(facts),
    leadsOn(id) {
      const spec = serverGroups.get(id)?.spec
      if (spec?.enabled !== true) return false
      return [...spec.connectorGroups, ...spec.failoverConnectorGroups].some((group) =>
        enabledGroups.has(group),
      )
    },
    primariesBehind(id) {
      const spec = serverGroups.get(id)?.spec
      return spec?.enabled === true ? spec.connectorGroups : []
    },
    serverGroup: (id) => serverGroups.get(id),
  }
}

/** @param groups Ids: of other connector groups nothing is asked. */
export function topologyOf(
  { declared, connectors }: LintFacts,
  chain: Chain,
  groups: readonly string[],
): Topology {
  const behind = new Map<string, StoredSegment[]>(groups.map((id) => [id, []]))
  const members = new Map<string, ConnectorRecord[]>(groups.map((id) => [id, []]))
  const listsBehind = new Map<string, StoredSegment[][]>()
  for (const { id } of declared['server-group']) {
    const lists = [...new Set(chain.primariesBehind(id))].flatMap((group) => {
      const list = behind.get(group)
      return list === undefined ? [] : [list]
    })
    if (lists.length > 0) listsBehind.set(id, lists)
  }
  for (const segment of chain.segments) {
    for (const id of segment.spec.serverGroups) {
      const lists = listsBehind.get(id)
      if (lists === undefined) continue
      // By way of two server groups it comes to one connector group once.
      for (const list of lists) if (list.at(-1) !== segment) list.push(segment)
    }
  }
  for (const record of connectors) if (record.enabled) members.get(record.groupId)?.push(record)
  for (const list of members.values()) list.sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    ...chain,
    members: (group) => members.get(group) ?? [],
    segmentsBehind: (group) => behind.get(group) ?? [],
  }
}

/** As policy sees it, those of a segment group that is not enabled are not. The same list for as long as neither kind has changed. */
export function enabledSegments({ declared }: Pick<LintFacts, 'declared'>): readonly StoredSegment[] {
  const { segment: all, 'segment-group': groups } = declared
  const known = ENABLED.get(all)
  if (known?.groups === groups) return known.segments
  const enabled = new Set(groups.filter(({ spec }) => spec.enabled).map(({ id }) => id))
  const segments = all.filter(
    ({ spec }) => spec.enabled && (spec.segmentGroup === undefined || enabled.has(spec.segmentGroup)),
  )
  ENABLED.set(all, { groups, segments })
  return segments
}

const ENABLED = new WeakMap<
  readonly StoredSegment[],
  { readonly groups: readonly StoredObject<'segment-group'>[]; readonly segments: readonly StoredSegment[] }
>()
