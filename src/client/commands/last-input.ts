import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { partingOf } from '../../agent/link/stop-reason.ts'

/** For what was written before the signal: it is in the pipe already, so this is time enough to read it. */
const INPUT_MS = 100
/** For the other side to end, too, over a slow way. */
const END_MS = 2000

/**
 * ssh closes the pipe of a ProxyCommand that it needs no more, and hangs up at once. An input that is over is an end in
 * good order, as when a program with a socket of its own exits; cut at the signal, every ssh session would be on record
 * as one that was broken off. An input that is still open is a command that somebody stops.
 *
 * @returns A signal that aborts with `signal`; after a SIGHUP a little later, where the input is over.
 */
export function afterLastInput(stdin: Readable, signal: AbortSignal): AbortSignal {
  const later = new AbortController()
  const onAbort = async () => {
    if (partingOf(signal.reason)?.detail !== 'SIGHUP') return later.abort(signal.reason)
    const early = AbortSignal.timeout(INPUT_MS)
    const isOver =
      stdin.readableEnded ||
      (await once(stdin, 'end', { signal: early }).then(
        () => true,
        () => false,
      ))
    if (isOver) await wait(END_MS, undefined, { ref: false })
    later.abort(signal.reason)
  }
  if (signal.aborted) void onAbort()
  else signal.addEventListener('abort', () => void onAbort(), { once: true })
  return later.signal
}
