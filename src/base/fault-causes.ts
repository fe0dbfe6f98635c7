/**
 * Which faults are echoes of which: where both were seen, the one that the other's row lists is the root and the other is noise.
 * Used wherever several findings lie side by side: the doctor, and the reading of a log.
 *
 * @module
 */
import { FAULTS, type FaultCode } from './faults.ts'

/** `dependsOn` of every row, as codes: fault-causes.test.ts proves that they are. */
const causesOf = (code: FaultCode) => FAULTS[code].dependsOn as readonly FaultCode[]

/** Can `cause` bring `code` about? Also through others: a full disk stops the daemon by way of its state directory. */
export function isEchoOf(code: FaultCode, cause: FaultCode): boolean {
  const seen = new Set<FaultCode>([code])
  for (const one of seen) {
    const roots = causesOf(one)
    if (roots.includes(cause)) return code !== cause
    for (const root of roots) seen.add(root)
  }
  return false
}

/** Those of `codes` that none of the others explains, in the order given. */
export function rootsAmong(codes: readonly FaultCode[]): FaultCode[] {
  return codes.filter((code) => !codes.some((other) => isEchoOf(code, other) && !isEchoOf(other, code)))
}
