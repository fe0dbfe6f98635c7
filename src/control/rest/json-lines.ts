import { asFault } from '../../base/faults.ts'
import type { Pool } from '../../base/shares.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type { FaultMessage } from '../../wire/control.ts'

/**
 * Work that tells as it goes, as JSON lines. What keeps it from beginning is thrown, so that it becomes a problem; what
 * ends it later is its last line. A reader that goes away ends the work.
 *
 * @param share What `by` has one of, as long as the work goes on.
 * @param work Resolves with the last line.
 * @throws {Fault} RATE_LIMITED when `by` has its share; as `work`, until the first line.
 */
export async function jsonLines<Line extends object>(
  { share, by }: { readonly share: Pool; readonly by: string },
  work: (write: (line: Line) => void, signal: AbortSignal) => Promise<Line>,
): Promise<ReadableStream<Uint8Array>> {
  share.take(by)
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
  const worked = work(write, gone.signal).finally(() => share.give(by))
  const told = worked.then(write, (error: unknown) => write({ failed: faultToMessage(asFault(error)) }))
  void told.finally(() => {
    if (!gone.signal.aborted) lines!.close()
  })
  await Promise.race([begun.promise, worked])
  return stream
}
