import type { DiagnoseLine } from '../../api/diagnosis.ts'
import { asFault } from '../../base/faults.ts'
import { faultToMessage } from '../../link/fault-message.ts'
import type { DiagnosisReport } from '../../wire/control.ts'
import type { DiagnosisListener } from '../agents/diagnoses.ts'

type Ask = (o: DiagnosisListener & { readonly signal: AbortSignal }) => Promise<DiagnosisReport>

/**
 * An examination as JSON lines. What keeps it from beginning is thrown, so that it becomes a problem; what ends it
 * later is its last line. A reader that goes away ends the wait.
 *
 * @throws {Fault} as `ask`, until the first line.
 */
export async function examinationLines(ask: Ask): Promise<ReadableStream<Uint8Array>> {
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
  const write = (line: DiagnoseLine) => {
    if (!gone.signal.aborted) lines!.enqueue(encoder.encode(`${JSON.stringify(line)}\n`))
    begun.resolve()
  }
  const examined = ask({
    signal: gone.signal,
    step: (step) => write({ step }),
    first: (first) => write({ first }),
  })
  const told = examined.then(
    (report) => write({ report }),
    (error: unknown) => write({ failed: faultToMessage(asFault(error)) }),
  )
  void told.finally(() => {
    if (!gone.signal.aborted) lines!.close()
  })
  await Promise.race([begun.promise, examined])
  return stream
}
