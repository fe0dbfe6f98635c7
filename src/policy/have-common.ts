/** So few comparisons are made one by one. */
const FEW = 64

/** Has one list an id of the other? The second is that of one person, and is asked about with rule after rule. */
export function haveCommon(wanted: readonly string[], has: readonly string[]): boolean {
  if (wanted.length * has.length <= FEW) return wanted.some((id) => has.includes(id))
  const ids = SETS.get(has) ?? new Set(has)
  SETS.set(has, ids)
  return wanted.some((id) => ids.has(id))
}

const SETS = new WeakMap<readonly string[], ReadonlySet<string>>()
