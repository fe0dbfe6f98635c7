import { notOfThisHost } from '../lab/doctor.ts'
import type { Report } from '../src/doctor/report.ts'

/** Tests share their processors, and then it is true that they are too few: no part of what is tested. */
export function findingsBeside(report: Report): Report['findings'] {
  return report.findings.filter(notOfThisHost)
}

/** Is that all that a doctor said? @param text What a person sees. */
export function isBusyHost(text: string): boolean {
  return /^\w+ CONNECTOR_OVERLOADED: /.test(text) && !/(memory|descriptors|local ports) \d+ %/.test(text)
}
