/**
 * Is this the key for this connector? Refused within the transaction of the enrolment, so that a wrong key loses no use.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { KeyUse } from '../../store/keys.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { Repositories } from '../../store/store.ts'

/**
 * The group that an App Connector joins with this key.
 *
 * @param expected Group that the machine was set up for, by name or id.
 * @param before The connector that has this public key already. With the key it came with it stays where an admin may
 *   have put it since; with a key of another group it would move by itself, and nobody would know why.
 * @throws {Fault} KEY_WRONG_GROUP, WRONG_CONNECTOR_KIND.
 */
export async function groupFor(
  tx: Repositories,
  use: KeyUse,
  expected: string | undefined,
  before: ConnectorRecord | undefined,
): Promise<string> {
  const of = await tx.objects.get('connector-group', use.groupId)
  if (expected !== undefined && expected !== of.name && expected !== of.id) {
    throw wrongGroup(use, of, `but this machine is configured for group ${expected}`, expected)
  }
  if (before !== undefined && before.keyId !== use.keyId && before.groupId !== of.id) {
    const is = (await tx.objects.find('connector-group', before.groupId))?.name ?? before.groupId
    throw wrongGroup(use, of, `but connector ${before.name} (${before.id}) belongs to group ${is}`, is)
  }
  const group = before === undefined ? of : await tx.objects.get('connector-group', groupAfter(before, use))
  requireAppGroup(group)
  return group.id
}

function groupAfter(before: ConnectorRecord, use: KeyUse): string {
  return before.keyId === use.keyId ? before.groupId : use.groupId
}

/** @throws {Fault} WRONG_CONNECTOR_KIND. */
export function requireAppGroup({ id, name, spec }: StoredObject<'connector-group'>): void {
  if (spec.connectorKind === 'app') return
  const detail = `connector group ${name} (${id}) is for ${spec.connectorKind} connectors, but an App Connector tried to enrol`
  throw new Fault('WRONG_CONNECTOR_KIND', detail, {
    seen: { group: id, groupName: name, connectorKind: spec.connectorKind, came: 'app' },
  })
}

function wrongGroup(use: KeyUse, of: StoredObject<'connector-group'>, but: string, wanted: string): Fault {
  return new Fault('KEY_WRONG_GROUP', `key ${use.keyId} enrols into group ${of.name} (${of.id}), ${but}`, {
    seen: { key: use.keyId, group: of.id, groupName: of.name, wanted },
  })
}
