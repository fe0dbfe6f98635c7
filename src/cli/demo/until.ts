import { setTimeout as pause } from 'node:timers/promises'

const LOOK_MS = 25

/**
 * Looks until `look` gives something. For what cannot tell by itself: a status socket, a record that is written later.
 *
 * @throws {Error} naming `what` after `timeoutMs`.
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > endMs) throw new Error(`${what} in ${timeoutMs / 1000} s`)
    await pause(LOOK_MS)
  }
}
