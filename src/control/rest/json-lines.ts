import { asFault } from '../../base/faults.ts'
import { faultToMessage } from '../../link/fault-message.ts'
import type { FaultMessage } from '../../wire/control.ts'

/**
 * Work that tells as it goes, as JSON lines. What keeps it from beginning is thrown, so that it becomes a problem; what
 * ends it later is its last line. A reader that goes away ends the work.
 *
 * @param work Resolves with the last line.
 * @throws {Fault} as `work`, until the first line.
 */
export async function jsonLines<Line extends object>(
  work: (write: (line: Line) => void, signal: AbortSignal) => Promise<Line>,
): Promise<ReadableStream<Uint8Array>> {
  const gone = new AbortController()
  const encoder = new TextEncoder()
  const begun = Promise.withResolvers<void>()
  let lines: ReadableStreamDefaultController<Uint8Array> | undefined
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      lines = controller
    },
    cancel() {
      gone.abort()
    },
  })
  const write = (line: Line | { failed: FaultMessage }) => {
    if (!gone.signal.aborted) lines!.enqueue(encoder.encode(`${JSON.stringify(line)}\n`))
    begun.resolve()
  }
  const worked = work(write, gone.signal)
  const told = worked.then(write, (error: unknown) => write({ failed: faultToMessage(asFault(error)) }))
  void told.finally(() => {
    if (!gone.signal.aborted) lines!.close()
  })
  await Promise.race([begun.promise, worked])
  return stream
}
