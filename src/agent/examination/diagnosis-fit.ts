/**
 * Cuts an examination to what a message may hold: evidence is what others wrote, and may be of any length.
 *
 * @module
 */
import {
  type DiagnosisFinding,
  type DiagnosisReport,
  type DiagnosisStep,
  encodedBytes,
  MAX_LINE_CHARS,
  MAX_LINES,
  MAX_LIST_BYTES,
} from '../../wire/control.ts'

/** Shorter lines say nothing: fewer of them do. */
const MIN_LINE_CHARS = 64

export function fitStep({ check, title, hop, verdict, text }: DiagnosisStep): DiagnosisStep {
  return { check, title: cut(title), hop, verdict, text: cut(text) }
}

export function fitFinding(
  found: DiagnosisFinding,
  maxChars = MAX_LINE_CHARS,
  maxLines = MAX_LINES,
): DiagnosisFinding {
  const { check, hop, code, scenario, title, expected, seen, cause, fix, verify } = found
  const line = (text: string) => cut(text, maxChars)
  return {
    ...{ check, hop, code, title: line(title), expected: line(expected), cause: line(cause) },
    ...(scenario === undefined ? {} : { scenario }),
    seen: seen.slice(0, maxLines).map(line),
    fix: fix.slice(0, maxLines).map(line),
    verify: { run: line(verify.run), expect: line(verify.expect) },
  }
}

/** Lines get shorter, then fewer, until the whole fits. */
export function fitReport(report: DiagnosisReport): DiagnosisReport {
  let [maxChars, maxLines] = [MAX_LINE_CHARS, MAX_LINES]
  for (;;) {
    const fitted: DiagnosisReport = {
      ...report,
      findings: report.findings.slice(0, MAX_LINES).map((found) => fitFinding(found, maxChars, maxLines)),
      checks: report.checks.slice(0, MAX_LINES).map((step) => {
        const { title, text, ...rest } = fitStep(step)
        return { ...rest, title: cut(title, maxChars), text: cut(text, maxChars) }
      }),
    }
    if (encodedBytes(fitted) <= MAX_LIST_BYTES || maxLines === 0) return fitted
    if (maxChars > MIN_LINE_CHARS) maxChars = Math.max(MIN_LINE_CHARS, maxChars >> 1)
    else maxLines >>= 1
  }
}

function cut(text: string, maxChars = MAX_LINE_CHARS): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`
}
