const SETS = new WeakMap<readonly string[], ReadonlySet<string>>()

/** The ids of a list, which is compared with many others: made once, as long as there is the list. */
export function idSet(list: readonly string[]): ReadonlySet<string> {
  const known = SETS.get(list)
  if (known !== undefined) return known
  const made = new Set(list)
  SETS.set(list, made)
  return made
}
