/** Nobody meant a known word with more than this: what is longer is not compared. */
const MAX_WORD_CHARS = 64

/**
 * The known word closest to what a person wrote, for "did you mean".
 *
 * Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours each cost one.
 *
 * @returns `undefined` if nothing is close: more than a third of the longer word (at least 2) differs.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > MAX_WORD_CHARS) return undefined
  const plain = fold(word)
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    if (candidate.length > MAX_WORD_CHARS) continue
    const limit = Math.max(2, Math.floor(Math.max(word.length, candidate.length) / 3))
    const distance = distanceWithin(Math.min(limit, bestDistance - 1), plain, fold(candidate))
    if (distance === undefined) continue
    best = candidate
    bestDistance = distance
  }
  return best
}

/** `key_file`, `key-file` and `keyFile` are one word to a person. */
function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_]/g, '')
}

/** Of two rows in a line none has less than `limit`: then no later one has. Most words are given up after a few. */
function distanceWithin(limit: number, a: string, b: string): number | undefined {
  if (Math.abs(a.length - b.length) > limit) return undefined
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  let leastAbove = 0
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
      least = Math.min(least, cost)
    }
    if (Math.min(least, leastAbove) > limit) return undefined
    ;[before, above, leastAbove] = [above, row, least]
  }
  const distance = above[b.length]!
  return distance <= limit ? distance : undefined
}
