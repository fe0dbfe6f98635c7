import type { Consultation, Finding } from './doctor.ts'
import type { Lab } from './lab.ts'

/** What the control plane says of a connector that is gone, taken the way a verdict of the doctor is. */
export async function absence(lab: Lab, id: string): Promise<Consultation> {
  const asked = ['describe', 'connector', id]
  const startedMs = performance.now()
  const [plain, data] = await Promise.all([lab.admin(...asked), lab.admin('--json', ...asked)])
  const tookMs = Math.round(performance.now() - startedMs)
  const common = { text: plain, tookMs, verdictMs: tookMs, checks: [] }
  const { disconnected } = JSON.parse(data) as { disconnected?: Omit<Finding, 'fix'> & { fix: string } }
  if (disconnected === undefined) {
    return { ...common, firstLine: 'connected', exitCode: 0, outcome: 'healthy', findings: [] }
  }
  const { hop, code, cause, seen, fix, verify } = disconnected
  return {
    ...common,
    command: `backstitch ${asked.join(' ')}`,
    firstLine: `${hop} ${code}: ${cause}`,
    exitCode: 1,
    outcome: 'fault',
    findings: [{ hop, code, cause, seen, fix: [fix], verify }],
  }
}
