/**
 * The plan and what it rests on, read as of one moment and before anybody else has to wait: whoever then writes looks
 * whether it still holds.
 *
 * @module
 */
import { type Kind, OBJECT_KIND_NAMES, OBJECT_KINDS, type ObjectKind } from '../../api/kinds.ts'
import { mapReferences, referencesOf } from '../../api/references.ts'
import { newId } from '../../base/ids.ts'
import { inSlices, nextTurn, turnIsOver } from '../../base/slices.ts'
import { type AuditEntry, auditText } from '../../store/audit.ts'
import type { ResolvedObject, StoredObject } from '../../store/objects.ts'
import type { Repositories } from '../../store/store.ts'
import { diff } from '../base/diff.ts'
import { latestObjects, readObjects } from '../base/kept-objects.ts'
import { type ApplyStep, plan } from './plan.ts'
import type { Prepared } from './prepare.ts'

export type PlannedAudit = Omit<AuditEntry, 'actor'>

export interface ApplyPlan {
  readonly steps: readonly ApplyStep[]
  /** What those steps write that need nothing but to be written; without those that must be done one by one. */
  readonly simple: ReadonlyMap<ApplyStep, ResolvedObject>
  /** What is said of those, and of deletions. */
  readonly audit: ReadonlyMap<ApplyStep, PlannedAudit>
  /** In the log of changes. */
  readonly mark: number
  /** Devices and connectors that are referred to. */
  readonly others: ReadonlySet<string>
}

export async function planNow(tx: Repositories, prepared: Prepared, prune: boolean): Promise<ApplyPlan> {
  const { declared, passwords } = prepared
  const { mark } = tx.changes
  const { kinds } = await readObjects(tx, latestObjects(tx))
  const stored = OBJECT_KIND_NAMES.flatMap((kind): readonly StoredObject[] => kinds[kind].objects)
  const others = await otherThings(tx)
  const newPasswords = new Set(passwords.keys())
  const otherNames = new Map(others.map(({ id, name }) => [id, name]))
  const steps = await inSlices(plan({ declared, prune, present: stored, otherNames, newPasswords }))
  const present = new Map<string, StoredObject>()
  const meant = new PlannedMeanings()
  for (const one of others) meant.add(one)
  for (const one of stored) {
    present.set(one.id, one)
    meant.add(one)
    if (turnIsOver()) await nextTurn()
  }
  const simple = new Map<ApplyStep, ResolvedObject>()
  const audit = new Map<ApplyStep, PlannedAudit>()
  const used = new Set<string>()
  for (const step of steps) {
    if (turnIsOver()) await nextTurn()
    const before = step.id === undefined ? undefined : present.get(step.id)
    if (step.action === 'delete') audit.set(step, deletion(step, before))
    const one = resolved(step, prepared, before, meant)
    if (one === undefined) continue
    simple.set(step, one.object)
    audit.set(step, one.audit)
    meant.add(one.object)
    for (const { toKind, toId } of one.object.uses) if (!Object.hasOwn(OBJECT_KINDS, toKind)) used.add(toId)
  }
  return { steps, simple, audit, mark, others: used }
}

/** Whether nothing that the plan rests on has changed since. */
export function stillHolds(tx: Repositories, { mark, others }: ApplyPlan): boolean {
  const since = tx.changes.since(mark)
  if (since === undefined) return false
  return [...since.changed].every(([id, kind]) => !Object.hasOwn(OBJECT_KINDS, kind) && !others.has(id))
}

interface NamedObject {
  readonly kind: Kind
  readonly id: string
  readonly name: string
}

/** Devices and connectors; of those that share a name with another none, so that it means nothing here. */
async function otherThings(tx: Repositories): Promise<NamedObject[]> {
  const found: NamedObject[] = []
  for (const kind of ['client-device', 'connector'] as const) {
    const byName = new Map<string, NamedObject>()
    const doubled = new Set<string>()
    for await (const { id, name } of tx.objects.allNames(kind)) {
      if (byName.has(name)) doubled.add(name)
      byName.set(name, { kind, id, name })
    }
    for (const one of byName.values()) if (!doubled.has(one.name)) found.push(one)
  }
  return found
}

/** What an id or name means, by kind: an id before any name, as by-id-or-name.ts has it. */
class PlannedMeanings {
  readonly #ids = new Set<string>()
  readonly #byName = new Map<Kind, Map<string, string>>()

  add({ kind, name, id }: NamedObject): void {
    this.#ids.add(`${kind}${id}`)
    const names = this.#byName.get(kind)
    if (names === undefined) this.#byName.set(kind, new Map([[name, id]]))
    else names.set(name, id)
  }

  get(kind: Kind, value: string): string | undefined {
    return this.#ids.has(`${kind}${value}`) ? value : this.#byName.get(kind)?.get(value)
  }
}

/** Nothing where more than the object changes, or a reference leads nowhere: whoever does that one by itself says so. */
function resolved(
  { action, kind, name, id, document }: ApplyStep,
  { declared, passwords }: Prepared,
  before: StoredObject | undefined,
  meant: PlannedMeanings,
): { readonly object: ResolvedObject; readonly audit: PlannedAudit } | undefined {
  if ((action !== 'create' && action !== 'update') || document === undefined) return undefined
  const { spec } = declared[document]!
  if (passwords.has(document) || hasEffects(kind, spec)) return undefined
  let leadsNowhere = false
  const known = mapReferences(kind, spec, ({ kind: to, value }) => {
    const found = meant.get(to, value)
    leadsNowhere ||= found === undefined
    return found ?? value
  })
  if (leadsNowhere) return undefined
  const fromId = id ?? newId(OBJECT_KINDS[kind].prefix)
  const to = new Map(referencesOf(kind, known).map((one) => [one.value, one.kind]))
  const uses = [...to].map(([toId, toKind]) => ({ fromKind: kind, fromId, toKind, toId }))
  const object = { kind, id: fromId, name, spec: JSON.stringify(known), uses, before }
  return { object, audit: entry(object, before && { name, ...before.spec }, { name, ...known }) }
}

/** As declare says it. */
function entry({ kind, id, name }: NamedObject, was: object | undefined, is: object): PlannedAudit {
  const about = { action: `${kind}.${was === undefined ? 'create' : 'update'}`, object: `${kind} ${id}` }
  return { ...about, text: auditText({ ...about, detail: { name, changes: diff(was, is) } }) }
}

/** As retract says it. */
function deletion({ kind, id, name }: ApplyStep, before: StoredObject | undefined): PlannedAudit {
  const about = { action: `${kind}.delete`, object: `${kind} ${id}` }
  return { ...about, text: auditText({ ...about, detail: { name, was: before?.spec } }) }
}

/** An edge has an identity; a user who is disabled is signed out; facts of a rule must have the type of their values, and keep it. */
function hasEffects(kind: ObjectKind, spec: Readonly<Record<string, unknown>>): boolean {
  if (kind === 'edge' || kind === 'posture-fact') return true
  if (kind === 'user') return spec.enabled === false
  return (
    kind === 'access-rule' && ((spec.conditions as { posture?: [] } | undefined)?.posture ?? []).length > 0
  )
}
