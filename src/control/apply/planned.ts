/**
 * The plan and what it rests on, read as of one moment and before anybody else has to wait: whoever then writes looks
 * whether it still holds.
 *
 * @module
 */
import { OBJECT_KIND_NAMES, OBJECT_KINDS, type ObjectKind } from '../../api/kinds.ts'
import { mapReferences } from '../../api/references.ts'
import { newId } from '../../base/ids.ts'
import { inSlices, nextTurn, type Steps, turnIsOver } from '../../base/slices.ts'
import type { ResolvedObject, StoredObject } from '../../store/objects.ts'
import type { Repositories } from '../../store/store.ts'
import type { Prepared } from './execute.ts'
import { plan, type Step } from './plan.ts'

export interface Planned {
  readonly steps: readonly Step[]
  /** What is stored, by id. */
  readonly present: ReadonlyMap<string, StoredObject>
  /** What those steps write that need nothing but to be written; without those that must be done one by one. */
  readonly simple: ReadonlyMap<Step, ResolvedObject>
  /** In the log of changes. */
  readonly mark: number
  /** Devices and connectors that are referred to. */
  readonly others: ReadonlySet<string>
}

export async function planNow(tx: Repositories, prepared: Prepared, prune: boolean): Promise<Planned> {
  const { declared, passwords } = prepared
  const { mark } = tx.changes
  const stored: StoredObject[] = []
  for (const kind of OBJECT_KIND_NAMES) for (const one of await tx.objects.all(kind)) stored.push(one)
  const others = await otherIds(tx)
  const newPasswords = new Set(passwords.keys())
  const otherNames = new Map([...others].map(([name, id]) => [id, name.slice(name.indexOf(' ') + 1)]))
  const steps = await inSlices(plan({ declared, prune, present: stored, otherNames, newPasswords }))
  const present = new Map(stored.map((one) => [one.id, one]))
  const meant = await inSlices(meanings(stored, others))
  const simple = new Map<Step, ResolvedObject>()
  const used = new Set<string>()
  for (const step of steps) {
    if (turnIsOver()) await nextTurn()
    const one = resolved(step, prepared, present, meant)
    if (one === undefined) continue
    simple.set(step, one)
    meant.set(`${step.kind} ${step.name}`, one.id)
    mapReferences(one.kind, one.spec, ({ value, kind }) => {
      if (!Object.hasOwn(OBJECT_KINDS, kind)) used.add(value)
      return value
    })
  }
  return { steps, present, simple, mark, others: used }
}

/** Whether nothing that the plan rests on has changed since. */
export function stillHolds(tx: Repositories, { mark, others }: Planned): boolean {
  const since = tx.changes.since(mark)
  if (since === undefined) return false
  return [...since.changed].every(([id, kind]) => !Object.hasOwn(OBJECT_KINDS, kind) && !others.has(id))
}

/** Devices and connectors by kind and name. A name that two devices share means neither: their ids stay. */
async function otherIds(tx: Repositories): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  const doubled = new Set<string>()
  for await (const { id, name } of tx.objects.allNames('client-device')) {
    const key = `client-device ${name}`
    if (ids.has(key)) doubled.add(key)
    ids.set(key, id)
  }
  for (const key of doubled) ids.delete(key)
  for await (const { id, name } of tx.objects.allNames('connector')) ids.set(`connector ${name}`, id)
  return ids
}

/** What an id or name means, by kind: an id before any name, as by-id-or-name.ts has it. */
function* meanings(
  stored: readonly StoredObject[],
  others: ReadonlyMap<string, string>,
): Steps<Map<string, string>> {
  const meant = new Map<string, string>()
  for (const [name, id] of others) {
    meant.set(name, id).set(`${name.slice(0, name.indexOf(' '))} ${id}`, id)
    yield
  }
  // A name may be another one's id: ids come last.
  for (const { kind, name, id } of stored) {
    meant.set(`${kind} ${name}`, id)
    yield
  }
  for (const { kind, id } of stored) {
    meant.set(`${kind} ${id}`, id)
    yield
  }
  return meant
}

/** Nothing where more than the object changes, or a reference leads nowhere: whoever does that one by itself says so. */
function resolved(
  { action, kind, name, id, document }: Step,
  { declared, passwords }: Prepared,
  present: ReadonlyMap<string, StoredObject>,
  meant: ReadonlyMap<string, string>,
): ResolvedObject | undefined {
  if ((action !== 'create' && action !== 'update') || document === undefined) return undefined
  const { spec } = declared[document]!
  if (passwords.has(document) || hasEffects(kind, spec)) return undefined
  let leadsNowhere = false
  const known = mapReferences(kind, spec, ({ kind: to, value }) => {
    const found = meant.get(`${to} ${value}`)
    leadsNowhere ||= found === undefined
    return found ?? value
  })
  if (leadsNowhere) return undefined
  const before = id === undefined ? undefined : present.get(id)
  return { kind, id: id ?? newId(OBJECT_KINDS[kind].prefix), name, spec: known, before }
}

/** An edge has an identity; a user who is disabled is signed out; facts of a rule must have the type of their values. */
function hasEffects(kind: ObjectKind, spec: Readonly<Record<string, unknown>>): boolean {
  if (kind === 'edge') return true
  if (kind === 'user') return spec.enabled === false
  return (
    kind === 'access-rule' && ((spec.conditions as { posture?: [] } | undefined)?.posture ?? []).length > 0
  )
}
