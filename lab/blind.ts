import { FAULTS, type FaultCode } from '../src/base/faults.ts'
import type { Consultation, Finding } from './doctor.ts'

const UNKNOWN = 'unknown: nothing failed, but not everything could be checked: '

/** That a look was not possible, and why: taken the way a verdict of the doctor is. Anything else it says stays as it is. */
export function blindness(
  said: Consultation,
  o: { readonly code: FaultCode; readonly fix: RegExp; readonly verify: Finding['verify'] },
): Consultation {
  if (said.outcome !== 'unknown' || !said.firstLine.startsWith(UNKNOWN)) return said
  const why = said.firstLine.slice(UNKNOWN.length)
  const { hop } = FAULTS[o.code]
  const fix = o.fix.exec(why)?.[0] ?? ''
  const finding: Finding = { hop, code: o.code, seen: [why], cause: why, fix: [fix], verify: o.verify }
  return { ...said, firstLine: `${hop} ${o.code}: ${why}`, exitCode: 1, findings: [finding] }
}
