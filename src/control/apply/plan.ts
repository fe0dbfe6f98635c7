/**
 * What has to be done so that the stored objects are the declared ones. Pure: declared and stored in, steps out.
 *
 * @module
 */
import type { FieldChange } from '../../api/apply.ts'
import type { DeclaredDocument } from '../../api/documents.ts'
import { HOME_EDGE, OBJECT_KIND_NAMES, type ObjectKind } from '../../api/kinds.ts'
import { mapReferences } from '../../api/references.ts'
import type { Steps } from '../../base/slices.ts'
import { diff } from '../base/diff.ts'

/** A stored object, as much of it as a plan needs. References in `spec` are ids. */
export interface Present {
  readonly kind: ObjectKind
  readonly id: string
  readonly name: string
  readonly spec: object
}

export interface ApplyStep {
  readonly action: 'create' | 'update' | 'delete' | 'unchanged'
  readonly kind: ObjectKind
  readonly name: string
  readonly id?: string
  readonly changes: readonly FieldChange[]
  /** Place in the documents; absent for a deletion. */
  readonly document?: number
}

export interface PlanInput {
  readonly declared: readonly DeclaredDocument[]
  readonly present: readonly Present[]
  /** Delete what is not declared, of the kinds that are. */
  readonly prune: boolean
  /** Names of things that references can mean beside objects: devices, connectors; by id. */
  readonly otherNames?: ReadonlyMap<string, string>
  /** Numbers of the documents whose password is not the one that is set. */
  readonly newPasswords?: ReadonlySet<number>
}

/**
 * Steps in an order that can be done: what is referred to is made before what refers to it, and deleted after.
 * Names stand for references on both sides, so that the plan reads as the file does.
 */
export function* plan({ declared, present, prune, otherNames, newPasswords }: PlanInput): Steps<ApplyStep[]> {
  const names = new Map(otherNames)
  const stored = new Map<string, Present>()
  for (const one of present) {
    names.set(one.id, one.name)
    stored.set(`${one.kind} ${one.name}`, one)
    yield
  }
  const byOrder = (a: { kind: ObjectKind }, b: { kind: ObjectKind }) => orderOf(a.kind) - orderOf(b.kind)

  const wanted = declared
    .map((one, document) => ({ ...one, document }))
    .sort((a, b) => byOrder(a, b) || a.document - b.document)
  const steps: ApplyStep[] = []
  for (const { kind, name, spec, document } of wanted) {
    const before = stored.get(`${kind} ${name}`)
    stored.delete(`${kind} ${name}`)
    const old = before && named(kind, before.spec, names)
    const changes = diff(old ?? {}, named(kind, spec, names))
    if (newPasswords?.has(document)) changes.push({ path: '/password', to: '(hidden)' })
    const action = before === undefined ? 'create' : changes.length > 0 ? 'update' : 'unchanged'
    steps.push({ action, kind, name, id: before?.id, changes, document })
    yield
  }

  const kinds = new Set(declared.map((one) => one.kind))
  const surplus = prune ? [...stored.values()].filter((one) => kinds.has(one.kind) && !isHome(one)) : []
  const deletions = surplus
    .sort((a, b) => byOrder(b, a) || (a.name < b.name ? -1 : 1))
    .map(({ kind, name, id }): ApplyStep => ({ action: 'delete', kind, name, id, changes: [] }))
  return [...steps, ...deletions]
}

/** Made by the server: its absence from a file does not mean that it is to go. */
function isHome({ kind, name }: { kind: ObjectKind; name: string }): boolean {
  return kind === 'edge' && name === HOME_EDGE
}

function orderOf(kind: ObjectKind): number {
  return OBJECT_KIND_NAMES.indexOf(kind)
}

function named(kind: ObjectKind, spec: object, names: ReadonlyMap<string, string>): object {
  return mapReferences(kind, spec, ({ value }) => names.get(value) ?? value)
}
