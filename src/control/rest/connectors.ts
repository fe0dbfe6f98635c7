import { connector, connectorPatch, connectorWritten } from '../../api/connectors.ts'
import { InvalidFault } from '../../api/invalid.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { Repositories } from '../../store/store.ts'
import { requireAppGroup } from '../agents/enrol-group.ts'
import { absenceOf } from './connector-absence.ts'
import type { EnrolledKind } from './enrolled.ts'
import { connectorResources } from './present.ts'
import { vitalsOf } from './vitals.ts'

export const CONNECTORS: EnrolledKind<ConnectorRecord, typeof connectorPatch> = {
  ...{ kind: 'connector', id: 'Connector', noun: 'connector' },
  summaries: {
    list: 'List connectors by name, with their current state',
    get: 'Read a connector',
    change: 'Rename, enable, disable or move a connector to another group',
    delete: 'Delete a connector and revoke its certificate; deleting a disabled one requires `configure`',
  },
  schemas: { resource: connector, patch: connectorPatch, written: connectorWritten },
  in: (tx) => tx.connectors,
  resources: connectorResources,
  async details(record, { store, presence, clock }) {
    const away = presence.connector(record.id) === undefined
    return {
      vitals: await vitalsOf(store, record, presence),
      disconnected: away ? await absenceOf(store, record, presence, clock.nowMs()) : undefined,
    }
  },
  async update(tx, before, { name, enabled, group }, { expectVersion }) {
    const groupId = group === undefined ? undefined : await groupOf(tx, group)
    return tx.connectors.update(before.id, { name, enabled, groupId }, { expectVersion })
  },
  own: ({ name, enabled, groupId }) => ({ name, enabled, group: groupId }),
  belongsTo: ({ groupId }) => ({ group: groupId }),
  saysNo: ({ enabled }) => !enabled && 'is disabled',
  // The group it left may have one member now.
  concerns: (before, record) => [before.groupId, record.groupId],
}

async function groupOf(tx: Repositories, idOrName: string): Promise<string> {
  const found = await tx.objects.find('connector-group', idOrName)
  if (found !== undefined) {
    requireAppGroup(found)
    return found.id
  }
  throw new InvalidFault([{ pointer: '/group', detail: `no connector group "${idOrName}"` }])
}
