import { isDeepStrictEqual } from 'node:util'
import type { FieldChange } from '../../api/apply.ts'
import { pointerOf } from '../../api/invalid.ts'

/** Fields that differ between two plain values. Lists are one field: order carries meaning there. */
export function diff(from: unknown, to: unknown, path: readonly string[] = []): FieldChange[] {
  if (isDeepStrictEqual(from, to)) return []
  if (!isPlain(from) || !isPlain(to)) {
    return [
      { path: pointerOf(path), ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) },
    ]
  }
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])]
  return keys.flatMap((key) => diff(from[key], to[key], [...path, key]))
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
