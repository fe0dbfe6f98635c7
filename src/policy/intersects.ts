import { idSet } from './id-set.ts'

/** So few comparisons are made one by one. */
const FEW = 64

/** Has one list an id of the other? The second is that of one person, and is asked about with rule after rule. */
export function intersects(wanted: readonly string[], has: readonly string[]): boolean {
  if (wanted.length * has.length <= FEW) return wanted.some((id) => has.includes(id))
  const ids = idSet(has)
  return wanted.some((id) => ids.has(id))
}
