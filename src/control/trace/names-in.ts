import type { Repositories } from '../../store/store.ts'
import type { FaultMessage } from '../../wire/control.ts'

const ID = /\b(?:usr|ugr|seg|sgg|rul|dev|con)_[0-9a-hjkmnp-tv-z]{26}\b/g

/** Decisions speak in ids; people do not. What is gone keeps its id. */
export async function namedFaults(
  { objects }: Pick<Repositories, 'objects'>,
  faults: readonly FaultMessage[],
): Promise<FaultMessage[]> {
  const ids = faults.map((fault) => JSON.stringify(fault).match(ID) ?? [])
  const names = await objects.namesByIds(ids.flat())
  return faults.map((fault, at) => (ids[at]!.some((id) => names.has(id)) ? named(fault, names) : fault))
}

function named(fault: FaultMessage, names: ReadonlyMap<string, string>): FaultMessage {
  const text = (value: string) => value.replaceAll(ID, (id) => names.get(id) ?? id)
  return {
    ...fault,
    detail: text(fault.detail),
    seen: Object.fromEntries(
      Object.entries(fault.seen ?? {}).map(([key, value]) => [
        key,
        typeof value === 'string' ? text(value) : Array.isArray(value) ? value.map(text) : value,
      ]),
    ),
  }
}
