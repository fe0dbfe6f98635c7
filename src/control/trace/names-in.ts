import type { ObjectKind } from '../../api/kinds.ts'
import type { Repositories } from '../../store/store.ts'
import type { FaultMessage } from '../../wire/control.ts'

const ID = /\b(?:usr|ugr|seg|sgg|rul|dev|con)_[0-9a-hjkmnp-tv-z]{26}\b/g
const KINDS: Readonly<Record<string, ObjectKind>> = {
  usr: 'user',
  ugr: 'user-group',
  seg: 'segment',
  sgg: 'segment-group',
  rul: 'access-rule',
}

/** Decisions speak in ids; people do not. What is gone keeps its id. */
export async function namedFault(tx: Repositories, fault: FaultMessage): Promise<FaultMessage> {
  const text = JSON.stringify(fault)
  const names = new Map<string, string>()
  for (const id of new Set(text.match(ID))) {
    const name = await nameOf(tx, id)
    if (name !== undefined) names.set(id, name)
  }
  if (names.size === 0) return fault
  const named = (value: string) => value.replaceAll(ID, (id) => names.get(id) ?? id)
  return {
    ...fault,
    detail: named(fault.detail),
    seen: Object.fromEntries(
      Object.entries(fault.seen ?? {}).map(([key, value]) => [
        key,
        typeof value === 'string' ? named(value) : Array.isArray(value) ? value.map(named) : value,
      ]),
    ),
  }
}

async function nameOf(tx: Repositories, id: string): Promise<string | undefined> {
  const kind = KINDS[id.slice(0, 3)]
  if (kind !== undefined) return (await tx.objects.find(kind, id))?.name
  const record = id.startsWith('dev_') ? await tx.devices.byId(id) : await tx.connectors.byId(id)
  return record?.name
}
