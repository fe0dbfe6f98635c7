/**
 * Remembers what a pure function of a text gave: a decision reads the same thousand patterns each time.
 *
 * @param limit Texts kept; at the limit all are forgotten, which costs one slow round and never memory.
 */
export function memoize<Result>(read: (text: string) => Result, limit = 50_000): (text: string) => Result {
  const known = new Map<string, Result>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const result = read(text)
    if (known.size >= limit) known.clear()
    known.set(text, result)
    return result
  }
}
