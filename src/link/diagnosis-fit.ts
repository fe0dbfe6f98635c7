/**
 * Cuts an examination to what a message may hold: evidence is what others wrote, and may be of any length.
 *
 * @module
 */
import {
  type DiagnosisFinding,
  type DiagnosisReport,
  type DiagnosisStep,
  MAX_LINE_CHARS,
  MAX_LINES,
} from '../wire/control.ts'

/** All text of one report: within MAX_MESSAGE_BYTES whatever the characters are. */
const MAX_REPORT_CHARS = 60_000

export function fitStep({ check, title, hop, verdict, text }: DiagnosisStep): DiagnosisStep {
  return { check, title: cut(title), hop, verdict, text: cut(text) }
}

export function fitFinding(found: DiagnosisFinding, maxChars = MAX_LINE_CHARS): DiagnosisFinding {
  const { check, hop, code, scenario, title, expected, seen, cause, fix, verify } = found
  const line = (text: string) => cut(text, maxChars)
  return {
    ...{ check, hop, code, title: line(title), expected: line(expected), cause: line(cause) },
    ...(scenario === undefined ? {} : { scenario }),
    seen: seen.slice(0, MAX_LINES).map(line),
    fix: fix.slice(0, MAX_LINES).map(line),
    verify: { run: line(verify.run), expect: line(verify.expect) },
  }
}

/** Lines get shorter until the whole fits. */
export function fitReport(report: DiagnosisReport): DiagnosisReport {
  for (let maxChars = MAX_LINE_CHARS; ; maxChars = Math.floor(maxChars / 2)) {
    const fitted: DiagnosisReport = {
      ...report,
      findings: report.findings.slice(0, MAX_LINES).map((found) => fitFinding(found, maxChars)),
      checks: report.checks.slice(0, MAX_LINES).map((step) => {
        const { text, ...rest } = fitStep(step)
        return { ...rest, text: cut(text, maxChars) }
      }),
    }
    if (maxChars < 64 || JSON.stringify(fitted).length <= MAX_REPORT_CHARS) return fitted
  }
}

function cut(text: string, maxChars = MAX_LINE_CHARS): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`
}
