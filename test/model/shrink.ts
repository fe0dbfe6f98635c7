/**
 * The shortest sequence that is found by leaving out: halves first, then quarters, down to single ones, until none can be
 * left out.
 *
 * @param fails Does what is left still go wrong?
 */
export async function shrink<Item>(
  items: readonly Item[],
  fails: (items: readonly Item[]) => Promise<boolean>,
  untilMs = Number.POSITIVE_INFINITY,
): Promise<readonly Item[]> {
  let shortest = items
  for (let size = Math.ceil(items.length / 2); size >= 1; ) {
    let shorter = false
    for (let from = 0; from < shortest.length && performance.now() < untilMs; ) {
      const without = [...shortest.slice(0, from), ...shortest.slice(from + size)]
      if (await fails(without)) {
        shortest = without
        shorter = true
      } else from += size
    }
    if (performance.now() >= untilMs) break
    if (size === 1 && !shorter) break
    size = Math.max(1, Math.floor(size / 2))
  }
  return shortest
}
