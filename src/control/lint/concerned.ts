import type { StoredObject } from '../../store/objects.ts'
import type { LintFacts } from './lint-facts.ts'
import type { Chain } from './topology.ts'

/** What a finding may be about. */
export interface Concerned {
  readonly segments: readonly StoredObject<'segment'>[]
  readonly serverGroups: readonly StoredObject<'server-group'>[]
  readonly connectorGroups: readonly StoredObject<'connector-group'>[]
}

/** Ids of the connector groups that have to be known for that. */
export function groupsOf({ connectorGroups, serverGroups }: Concerned): string[] {
  const failovers = serverGroups.flatMap(({ spec }) => spec.failoverConnectorGroups)
  return [...new Set([...connectorGroups.map(({ id }) => id), ...failovers])]
}

/**
 * All that is enabled; or what was written, and what a finding can be about in which something of that has a part:
 * each step of the way from a segment to its connectors, up and down.
 */
export function concernedBy(facts: LintFacts, chain: Chain, about?: ReadonlySet<string>): Concerned {
  const { 'server-group': serverGroups, 'connector-group': connectorGroups } = facts.declared
  if (about === undefined) return { segments: chain.segments, serverGroups, connectorGroups }
  const isAbout = ({ id }: { readonly id: string }) => about.has(id)
  const written = chain.segments.filter(isAbout)
  const groups = new Set(
    written.flatMap(({ spec }) => spec.serverGroups).flatMap((id) => chain.primariesBehind(id)),
  )
  for (const { groupId } of facts.connectors.filter(isAbout)) groups.add(groupId)
  const names = (id: string) => about.has(id)
  const isOnServerGroup = [...about].some((id) => id.startsWith('sgr_'))
  const segments = isOnServerGroup
    ? chain.segments.filter((one) => isAbout(one) || one.spec.serverGroups.some(names))
    : written
  return {
    segments,
    serverGroups: serverGroups.filter(
      ({ id, spec }) =>
        about.has(id) || spec.connectorGroups.some(names) || spec.failoverConnectorGroups.some(names),
    ),
    connectorGroups: connectorGroups.filter(({ id }) => about.has(id) || groups.has(id)),
  }
}
