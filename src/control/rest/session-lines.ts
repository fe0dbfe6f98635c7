import type { Store } from '../../store/store.ts'
import { sessionResource } from './present.ts'

/** An empty line after this long without a session, so that both ends notice a dead connection. */
const KEEPALIVE_MS = 15_000
/** The bus is only a hint: look this often without one. */
const POLL_MS = 5000
const BATCH = 200

/**
 * Sessions as JSON lines. Reads from the store when the reader has room, so a slow reader costs no memory: it
 * sees the last state of each session, perhaps not every one between.
 *
 * @param since Unix milliseconds or 'now'.
 * @param onEnd Called once: it was read to its end, or the reader has gone.
 */
export function sessionLines(
  store: Store,
  { follow, since, onEnd }: { follow: boolean; since: number | 'now'; onEnd?: () => void },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const stop = new AbortController()
  let revision: number | 'now' = since
  let hinted = Promise.withResolvers<void>()
  const subscription = store.bus.subscribe('session', () => hinted.resolve())
  stop.signal.addEventListener('abort', () => {
    subscription[Symbol.dispose]()
    hinted.resolve()
    onEnd?.()
  })

  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    let quietMs = 0
    while (!stop.signal.aborted) {
      const batch = await store.sessions.since(revision, BATCH)
      revision = batch.revision
      if (batch.items.length > 0) {
        const lines = batch.items.map((record) => `${JSON.stringify(sessionResource(record))}\n`)
        controller.enqueue(encoder.encode(lines.join('')))
        return
      }
      if (!follow) {
        stop.abort()
        controller.close()
        return
      }
      if (quietMs >= KEEPALIVE_MS) {
        controller.enqueue(encoder.encode('\n'))
        return
      }
      quietMs += await waitUpTo(POLL_MS, hinted.promise)
      hinted = Promise.withResolvers<void>()
    }
  }
  /** A store that fails ends the stream, and nobody calls `cancel` then. */
  const orEnd = async (work: Promise<void>) => {
    try {
      await work
    } catch (error) {
      stop.abort()
      throw error
    }
  }
  const begin = async () => {
    if (revision === 'now') ({ revision } = await store.sessions.since('now'))
  }

  return new ReadableStream<Uint8Array>(
    {
      start: () => orEnd(begin()),
      pull: (controller) => orEnd(pull(controller)),
      cancel() {
        stop.abort()
      },
    },
    { highWaterMark: 0 },
  )
}

/** @returns The whole time if it passed, 0 if the hint came before. */
async function waitUpTo(timeMs: number, hint: Promise<void>): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const timer = setTimeout(resolve, timeMs, timeMs)
  timer.unref()
  void hint.then(() => resolve(0))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}
