/**
 * The known word closest to what a person wrote, for "did you mean".
 *
 * Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours each cost one.
 *
 * @returns `undefined` if nothing is close: more than a third of the longer word (at least 2) differs.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const plain = fold(word)
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const limit = Math.max(2, Math.floor(Math.max(word.length, candidate.length) / 3))
    const distance = distanceOf(plain, fold(candidate))
    if (distance <= limit && distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `key_file`, `key-file` and `keyFile` are one word to a person. */
function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_]/g, '')
}

function distanceOf(a: string, b: string): number {
  const width = b.length + 1
  const rows = new Uint16Array((a.length + 1) * width)
  for (let i = 0; i <= a.length; i++) rows[i * width] = i
  for (let j = 0; j <= b.length; j++) rows[j] = j
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min(
        rows[(i - 1) * width + j]! + 1,
        rows[i * width + j - 1]! + 1,
        rows[(i - 1) * width + j - 1]! + same,
      )
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, rows[(i - 2) * width + j - 2]! + 1)
      rows[i * width + j] = cost
    }
  }
  return rows[a.length * width + b.length]!
}
