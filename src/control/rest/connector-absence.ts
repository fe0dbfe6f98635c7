import type { z } from 'zod'
import type { disconnected } from '../../api/diagnosis.ts'
import { rfc3339 } from '../../base/clock.ts'
import { asFault } from '../../base/faults.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import { type KeyRecord, keyState } from '../../store/keys.ts'
import type { Repositories } from '../../store/store.ts'
import type { LivePresence } from './deps.ts'
import { explainDisconnected, type GroupMember, leftAtMs } from './disconnected.ts'

type AbsenceReader = Pick<Repositories, 'connectors' | 'keys' | 'objects'>

/** Members of its group that are looked at; beyond them nobody reads. */
const MAX_PEERS = 200

/** What can be said of a connector that is not there. */
export async function absenceOf(
  tx: AbsenceReader,
  record: ConnectorRecord,
  presence: LivePresence,
  nowMs: number,
): Promise<z.infer<typeof disconnected>> {
  const absence = presence.absence(record.id)
  const key = record.keyId === undefined ? undefined : await keyOf(tx, record.keyId)
  const facts = {
    nowMs,
    connector: record,
    group: (await tx.objects.find('connector-group', record.groupId))?.name,
    key: key && { name: key.name, state: keyState(key, nowMs) },
    absence,
    peers: await peersOf(tx, record, presence),
  }
  const atMs = leftAtMs(facts)
  const { seen, ...verdict } = explainDisconnected(facts)
  return {
    since: atMs === undefined ? undefined : rfc3339(atMs),
    lastAddress: absence.left?.address ?? record.lastAddress,
    left:
      absence.left === undefined
        ? 'unknown'
        : absence.left.orderly
          ? 'orderly'
          : (absence.left.lost ?? 'silent'),
    lastState: absence.left?.said.state,
    ...verdict,
    seen: [...seen],
  }
}

/** None: it was deleted. */
async function keyOf({ keys }: AbsenceReader, id: string): Promise<KeyRecord | undefined> {
  try {
    return await keys.get(id)
  } catch (error) {
    if (asFault(error).code === 'NOT_FOUND') return undefined
    throw error
  }
}

async function peersOf(
  { connectors }: AbsenceReader,
  own: ConnectorRecord,
  presence: LivePresence,
): Promise<GroupMember[]> {
  return (await connectors.ofGroup(own.groupId, MAX_PEERS))
    .filter(({ id, enabled }) => id !== own.id && enabled)
    .map(({ id, name, lastAddress, lastSeenMs }) => {
      const live = presence.connector(id)
      return { name, connected: live !== undefined, address: live?.address ?? lastAddress, lastSeenMs }
    })
}
