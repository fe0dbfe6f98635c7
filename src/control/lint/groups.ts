/** Connector groups: who takes over, whether they are equals, whether they are of the right kind. */
import type { StoredObject } from '../../store/objects.ts'
import type { Concerned } from './concerned.ts'
import { about, count, type Findings, findingAbout, objectNamesOf } from './finding.ts'
import type { LintFacts } from './lint-facts.ts'
import type { Topology } from './topology.ts'

type Group = StoredObject<'connector-group'>

/** Only groups that carry something: one that no segment leads to harms nobody. */
export function* lonelyGroups({ connectorGroups }: Concerned, topology: Topology): Findings {
  for (const group of connectorGroups) {
    yield
    if (!group.spec.enabled || group.spec.connectorKind !== 'app') continue
    const segments = topology.segmentsBehind(group.id)
    const members = topology.members(group.id)
    if (segments.length === 0 || members.length > 1) continue
    const object = about('connector-group', group)
    const served = `${count(segments.length, 'segment')} (${objectNamesOf(segments.map(({ name }) => name))})`
    if (members.length === 0) {
      yield findingAbout('NO_HEALTHY_CONNECTOR', object, {
        reason: 'no enabled connector is enrolled in it',
        consequence: `it serves no sessions: ${served} depends on it`,
        fix: `backstitch key create --group ${group.name}, then enrol two connectors with it`,
        others: segments.map((segment) => about('segment', segment)),
      })
      continue
    }
    const only = members[0]!
    yield findingAbout('GROUP_SINGLE_MEMBER', object, {
      reason: `${only.name} is its only enabled connector`,
      consequence: `while that connector is upgraded, restarted or lost, ${served} cannot be reached`,
      fix: `backstitch key create --group ${group.name}, then enrol a second connector on another machine at the site`,
      others: [about('connector', only), ...segments.map((segment) => about('segment', segment))],
    })
  }
}

/** App Connectors in a group of another kind, and server groups that name one. */
export function* wrongKinds(
  { declared }: LintFacts,
  { connectorGroups, serverGroups }: Concerned,
  topology: Topology,
): Findings {
  for (const group of connectorGroups) {
    yield
    const members = topology.members(group.id)
    if (group.spec.connectorKind === 'app' || members.length === 0) continue
    const names = objectNamesOf(members.map(({ name }) => name))
    yield findingAbout('WRONG_CONNECTOR_KIND', about('connector-group', group), {
      reason: `it is for ${group.spec.connectorKind} connectors, but contains App Connectors: ${names}`,
      consequence: 'they serve no sessions, and cannot enrol in it again',
      fix: 'Move them to a group whose connectorKind is app, or set it to app here.',
      others: members.map((member) => about('connector', member)),
    })
  }
  const groups = new Map(declared['connector-group'].map((group) => [group.id, group]))
  for (const serverGroup of serverGroups) {
    yield
    for (const group of connectorGroupsOf(serverGroup).flatMap((id) => groups.get(id) ?? [])) {
      if (group.spec.connectorKind === 'app') continue
      yield findingAbout('WRONG_CONNECTOR_KIND', about('server-group', serverGroup), {
        reason: `it includes connector group ${group.name}, which is for ${group.spec.connectorKind} connectors`,
        consequence: 'members of that group are never chosen for a private application',
        others: [about('connector-group', group)],
      })
    }
  }
}

/** A tier that is there for the day the first one is lost, and could not take over on that day. */
export function* emptyFailover(
  { declared }: LintFacts,
  { serverGroups }: Concerned,
  topology: Topology,
): Findings {
  const groups = new Map(declared['connector-group'].map((group) => [group.id, group]))
  for (const serverGroup of serverGroups) {
    yield
    for (const group of serverGroup.spec.failoverConnectorGroups.flatMap((id) => groups.get(id) ?? [])) {
      const why = whyEmpty(group, topology)
      if (why === undefined) continue
      yield findingAbout('LINT_FAILOVER_EMPTY', about('server-group', serverGroup), {
        reason: `failover group ${group.name} ${why}`,
        consequence: 'when the groups before it are lost, nothing takes over',
        others: [about('connector-group', group)],
      })
    }
  }
}

function whyEmpty(group: Group, topology: Topology): string | undefined {
  if (!group.spec.enabled) return 'is disabled'
  return topology.members(group.id).length === 0 ? 'has no enabled connector' : undefined
}

function connectorGroupsOf({ spec }: StoredObject<'server-group'>): readonly string[] {
  return [...spec.connectorGroups, ...spec.failoverConnectorGroups]
}
