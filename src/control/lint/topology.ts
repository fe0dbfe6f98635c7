import type { StoredObject } from '../../store/objects.ts'
import type { LintConnector, LintFacts } from './facts.ts'

/** The chain from segments to connectors, as far as it is enabled: looked up once, used by several rules. */
export interface Topology {
  readonly segments: readonly StoredObject<'segment'>[]
  /** By id of the connector group. */
  members(group: string): readonly LintConnector[]
  /** Connector groups behind a segment, failover too, by way of enabled server groups; the disabled groups too. */
  groupsOf(segment: StoredObject<'segment'>): readonly StoredObject<'connector-group'>[]
  /** Enabled segments that a connector group serves from day to day: not those it is the failover of. */
  segmentsBehind(group: string): readonly StoredObject<'segment'>[]
  serverGroup(id: string): StoredObject<'server-group'> | undefined
}

export function topologyOf(facts: LintFacts): Topology {
  const { declared } = facts
  const serverGroups = new Map(declared['server-group'].map((one) => [one.id, one]))
  const groups = new Map(declared['connector-group'].map((one) => [one.id, one]))
  const members = Map.groupBy(
    facts.connectors
      .filter(({ record }) => record.enabled)
      .sort((a, b) => (a.record.name < b.record.name ? -1 : 1)),
    ({ record }) => record.groupId,
  )
  const disabled = new Set(declared['segment-group'].filter(({ spec }) => !spec.enabled).map(({ id }) => id))
  const segments = declared.segment.filter(
    ({ spec }) => spec.enabled && (spec.segmentGroup === undefined || !disabled.has(spec.segmentGroup)),
  )
  const groupsOf: Topology['groupsOf'] = ({ spec }) => {
    const ids = spec.serverGroups.flatMap((id) => {
      const group = serverGroups.get(id)
      return group?.spec.enabled === true
        ? [...group.spec.connectorGroups, ...group.spec.failoverConnectorGroups]
        : []
    })
    return [...new Set(ids)].flatMap((id) => groups.get(id) ?? [])
  }
  const primariesOf = ({ spec }: StoredObject<'segment'>) =>
    new Set(
      spec.serverGroups.flatMap((id) => {
        const group = serverGroups.get(id)
        return group?.spec.enabled === true ? group.spec.connectorGroups : []
      }),
    )
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
    groupsOf,
    members: (group) => members.get(group) ?? [],
    segmentsBehind: (group) => behind.get(group) ?? [],
    serverGroup: (id) => serverGroups.get(id),
  }
}
