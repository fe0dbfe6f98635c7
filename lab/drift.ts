import { FAULTS } from '../src/base/faults.ts'
import { type Consultation, consult, type Finding, notOfThisHost } from './doctor.ts'
import type { Lab } from './lab.ts'

const CHANGED = /\w+ [0-9a-f]{8}→[0-9a-f]{8}/

/**
 * What the status of connector-a notes of its seal, taken the way a verdict of the doctor is.
 *
 * @throws {Error} when the connector is not healthy, or the doctor takes the note for a fault or knows nothing of it.
 */
export async function drift({ connectors: { a } }: Lab): Promise<Consultation> {
  const { hop, cause, fix } = FAULTS.SEAL_DRIFTED
  const command = `backstitch status --state ${a.stateDir}`
  const { stdout: text, tookMs } = await a.machine.shell(command)
  if (!/^connector +healthy/.test(text)) throw new Error(`the connector is not healthy:\n${text}`)
  const common = { text, tookMs, verdictMs: tookMs, checks: [] }
  const noted = /^note +SEAL_DRIFTED \(connector\): (.*)$/m.exec(text)?.[1]
  if (noted === undefined) {
    return { ...common, firstLine: 'no note', exitCode: 0, outcome: 'healthy', findings: [] }
  }
  const { checks, findings, firstLine } = await consult(a)
  if (findings.some(notOfThisHost)) throw new Error(`the doctor reports it as a fault: ${firstLine}`)
  const said = checks.find(({ check }) => check === 'daemon')?.text ?? 'nothing'
  if (!CHANGED.test(said)) throw new Error(`the doctor does not mention it: ${said}`)
  const finding: Finding = {
    ...{ hop, code: 'SEAL_DRIFTED', seen: [noted], cause, fix: [fix] },
    verify: { run: `${command} | grep -c SEAL_DRIFTED`, expect: '0' },
  }
  return {
    ...common,
    firstLine: `${hop} SEAL_DRIFTED: ${cause}`,
    exitCode: 1,
    outcome: 'unknown',
    findings: [finding],
  }
}
