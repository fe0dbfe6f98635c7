import type { ResourceRow } from './resource-row.ts'
import type { Rest } from './rest.ts'
import { stateText, style } from './terminal.ts'

/** From a segment to the machines that reach it: server groups, connector groups, connectors with their state. */
export async function chainText(rest: Rest, segment: ResourceRow): Promise<string> {
  const [serverGroups, connectorGroups, connectors] = await Promise.all([
    rest.list<ResourceRow>('/server-groups', 10_000),
    rest.list<ResourceRow>('/connector-groups', 10_000),
    rest.list<ResourceRow>('/connectors', 10_000),
  ])
  const lines = [style('dim', 'reached through')]
  const attached = serverGroups.filter((group) => segment.serverGroups?.includes(group.id))
  if (attached.length === 0) lines.push('  no server group: every user gets SEGMENT_UNMAPPED')
  for (const serverGroup of attached) {
    lines.push(`  server group ${serverGroup.name}`)
    const takeOver: readonly string[] = serverGroup.failoverConnectorGroups ?? []
    const native: readonly string[] = serverGroup.connectorGroups ?? []
    const groups = connectorGroups.filter(({ id }) => native.includes(id) || takeOver.includes(id))
    if (groups.length === 0) lines.push('    no connector group: every user gets SEGMENT_UNMAPPED')
    for (const group of groups) {
      const tier = native.includes(group.id) ? '' : ' failover only'
      lines.push(`    connector group ${group.name}${tier}`)
      const members = connectors.filter((connector) => connector.group === group.id)
      if (members.length === 0) lines.push('      no connector has enrolled: NO_HEALTHY_CONNECTOR')
      for (const { name, state } of members) lines.push(`      connector ${name}  ${stateText(state)}`)
    }
  }
  return lines.join('\n')
}
