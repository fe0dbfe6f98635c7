import type { StoredObject } from '../../store/objects.ts'
import type { LintConnector, LintFacts } from './facts.ts'

/** The chain from segments to connectors, as far as it is enabled: looked up once, used by several rules. */
export interface Topology {
  readonly segments: readonly StoredObject<'segment'>[]
  /** By id of the connector group. */
  members(group: string): readonly LintConnector[]
  /** Is this an enabled server group with an enabled connector group behind it, be it a failover? */
  leadsOn(serverGroup: string): boolean
  /** Enabled segments that a connector group serves from day to day: not those it is the failover of. */
  segmentsBehind(group: string): readonly StoredObject<'segment'>[]
  serverGroup(id: string): StoredObject<'server-group'> | undefined
}

export function topologyOf(facts: LintFacts): Topology {
  const { declared } = facts
  const serverGroups = new Map(declared['server-group'].map((one) => [one.id, one]))
  const enabledGroups = new Set(
    declared['connector-group'].filter(({ spec }) => spec.enabled).map(({ id }) => id),
  )
  const members = Map.groupBy(
    facts.connectors
      .filter(({ record }) => record.enabled)
      .sort((a, b) => (a.record.name < b.record.name ? -1 : 1)),
    ({ record }) => record.groupId,
  )
  const segments = enabledSegments(facts)
  const leading = new Set<string>()
  for (const { id, spec } of declared['server-group']) {
    const behind = [...spec.connectorGroups, ...spec.failoverConnectorGroups]
    if (spec.enabled && behind.some((group) => enabledGroups.has(group))) leading.add(id)
  }
  const primariesOf = ({ spec }: StoredObject<'segment'>) => {
    const ids = spec.serverGroups.flatMap((id) => {
      const group = serverGroups.get(id)
      return group?.spec.enabled === true ? group.spec.connectorGroups : []
    })
    return ids.length > 1 ? new Set(ids) : ids
  }
  const behind = new Map<string, StoredObject<'segment'>[]>()
  for (const segment of segments) {
    for (const id of primariesOf(segment)) {
      const list = behind.get(id)
      if (list === undefined) behind.set(id, [segment])
      else list.push(segment)
    }
  }
  return {
    segments,
    leadsOn: (id) => leading.has(id),
    members: (group) => members.get(group) ?? [],
    segmentsBehind: (group) => behind.get(group) ?? [],
    serverGroup: (id) => serverGroups.get(id),
  }
}

/** Those of a segment group that is disabled are, too. */
export function enabledSegments({ declared }: LintFacts): StoredObject<'segment'>[] {
  const disabled = new Set(declared['segment-group'].filter(({ spec }) => !spec.enabled).map(({ id }) => id))
  return declared.segment.filter(
    ({ spec }) => spec.enabled && (spec.segmentGroup === undefined || !disabled.has(spec.segmentGroup)),
  )
}
