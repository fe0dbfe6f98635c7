import type { DiagnoseLine } from '../../api/diagnosis.ts'
import type { DiagnosisReport } from '../../wire/control.ts'
import type { DiagnosisListener } from '../presence/diagnoses.ts'
import { jsonLines } from './json-lines.ts'

type AskExamination = (o: DiagnosisListener & { readonly signal: AbortSignal }) => Promise<DiagnosisReport>

/** An examination as JSON lines. @throws {Fault} as `ask`, until the first line. */
export function examinationLines(
  shared: Parameters<typeof jsonLines>[0],
  ask: AskExamination,
): Promise<ReadableStream<Uint8Array>> {
  return jsonLines<DiagnoseLine>(shared, async (write, signal) => ({
    report: await ask({ signal, step: (step) => write({ step }), first: (first) => write({ first }) }),
  }))
}
