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

/** A copy of `spec` with every reference replaced by what `replace` returns for it. */
export function mapReferences<S extends object>(
  kind: ObjectKind,
  spec: S,
  replace: (reference: Reference) => string,
): S {
  const copy = copied(spec)
  for (const [path, target] of Object.entries(OBJECT_KINDS[kind].references)) {
    walk(copy, path.split('.'), [], (value, at) => replace({ kind: target, value, path: at }))
  }
  return copy
}

/** A spec is JSON: for that, structuredClone takes twenty times as long. */
function copied<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copied) as T
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, copied(one)])) as T
}

type Place = Record<string | number, unknown>

function walk(
  at: unknown,
  steps: readonly string[],
  path: readonly (string | number)[],
  replace: (value: string, path: readonly (string | number)[]) => string,
): void {
  if (typeof at !== 'object' || at === null) return
  const [step, ...rest] = steps
  const list = step!.endsWith('[]')
  const key = list ? step!.slice(0, -2) : step!
  const place = at as Place
  const value = place[key]
  if (list && Array.isArray(value)) {
    for (const [index, item] of value.entries()) walk(item, rest, [...path, key, index], replace)
  } else if (rest.length > 0) {
    walk(value, rest, [...path, key], replace)
  } else if (Array.isArray(value)) {
    place[key] = value.map((item, index) =>
      typeof item === 'string' ? replace(item, [...path, key, index]) : item,
    )
  } else if (typeof value === 'string') {
    place[key] = replace(value, [...path, key])
  }
}
