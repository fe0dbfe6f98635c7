/**
 * References inside a spec: found by the paths that kinds.ts lists, so that checking, naming and replacing
 * them is written once for all kinds.
 *
 * @module
 */
import { type Kind, OBJECT_KINDS, type ObjectKind } from './kinds.ts'

export interface Reference {
  readonly kind: Kind
  /** Id or name, as it stands in the spec. */
  readonly value: string
  readonly path: readonly (string | number)[]
}

/** Every reference of a spec, in order. */
export function referencesOf(kind: ObjectKind, spec: object): Reference[] {
  const found: Reference[] = []
  mapReferences(kind, spec, (reference) => {
    found.push(reference)
    return reference.value
  })
  return found
}

/** `spec` with every reference replaced by what `replace` returns for it; what holds none is the very same. */
export function mapReferences<S extends object>(
  kind: ObjectKind,
  spec: S,
  replace: (reference: Reference) => string,
): S {
  let result: unknown = spec
  for (const { steps, target } of PATHS[kind]!) {
    result = replaced(result, steps, [], (value, path) => replace({ kind: target, value, path }))
  }
  return result as S
}

/** For each kind, where references stand and what they lead to: each step a field, and whether it is a list to go into. */
const PATHS: Readonly<Record<string, readonly { readonly target: Kind; readonly steps: PathSteps }[]>> =
  Object.fromEntries(
    Object.entries(OBJECT_KINDS).map(([kind, { references }]) => [
      kind,
      Object.entries<Kind>(references).map(([path, target]) => ({
        target,
        steps: path.split('.').map((step) => ({ key: step.replace('[]', ''), isList: step.endsWith('[]') })),
      })),
    ]),
  )

type PathSteps = readonly { readonly key: string; readonly isList: boolean }[]
type ReferencePath = readonly (string | number)[]

/** Copies no more than what leads to something that was replaced. */
function replaced(
  at: unknown,
  [step, ...rest]: PathSteps,
  path: ReferencePath,
  replace: (value: string, path: ReferencePath) => string,
): unknown {
  if (typeof at !== 'object' || at === null || step === undefined) return at
  const { key, isList } = step
  const value = (at as Readonly<Record<string, unknown>>)[key]
  const one = (item: unknown, place: ReferencePath) => {
    if (rest.length > 0) return replaced(item, rest, place, replace)
    return typeof item === 'string' ? replace(item, place) : item
  }
  const isMany = Array.isArray(value) && (isList || rest.length === 0)
  const next = isMany
    ? mapped(value, (item, index) => one(item, [...path, key, index]))
    : one(value, [...path, key])
  return next === value ? at : { ...at, [key]: next }
}

/** The very same where nothing in it becomes another. */
function mapped(
  items: readonly unknown[],
  map: (item: unknown, index: number) => unknown,
): readonly unknown[] {
  const made = items.map(map)
  return made.every((one, index) => one === items[index]) ? items : made
}
