/**
 * How large what is written may be, in any place of it: looked at before the schemas are, which say all that is wrong
 * and would say it of a million items.
 *
 * @module
 */
import { InvalidFault, pointerOf } from './invalid.ts'

/** Of one list: as many references as one condition may name. */
export const MAX_ITEMS = 1000
export const MAX_KEYS = 256
export const MAX_DEPTH = 12

/** @throws {InvalidFault} naming the first place that is too large. */
export function checkShape(value: unknown, path: readonly PropertyKey[] = []): void {
  if (typeof value !== 'object' || value === null) return
  if (path.length > MAX_DEPTH) refuse(path, 'this is nested too deeply')
  if (Array.isArray(value)) {
    if (value.length > MAX_ITEMS) refuse(path, `at most ${MAX_ITEMS} items`)
    for (const [index, item] of value.entries())
      if (typeof item === 'object') checkShape(item, [...path, index])
    return
  }
  const entries = Object.entries(value)
  if (entries.length > MAX_KEYS) refuse(path, `at most ${MAX_KEYS} keys`)
  for (const [key, item] of entries) if (typeof item === 'object') checkShape(item, [...path, key])
}

function refuse(path: readonly PropertyKey[], detail: string): never {
  throw new InvalidFault([{ pointer: pointerOf(path), detail }])
}
