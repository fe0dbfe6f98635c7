import { FAULTS } from '../src/base/faults.ts'
import { type Consultation, consult, type Finding, notOfThisHost } from './doctor.ts'
import type { Lab } from './lab.ts'

const RED = '\u001b[31m'

/**
 * What whoever looks at a segment is told that nobody has used, taken the way a verdict of the doctor is.
 *
 * @throws {Error} when it looks like a fault, or the doctor takes it for one.
 */
export async function unknownHealth(lab: Lab, segment: string): Promise<Consultation> {
  const { hop, fix } = FAULTS.HEALTH_UNKNOWN
  const { text, tookMs, command } = await lab.describe('segment', segment)
  const { stdout } = await lab.machines.edge.shell(`FORCE_COLOR=1 ${command}`)
  if (stdout.includes(RED)) throw new Error(`what is unknown is shown as red:\n${stdout}`)
  const { findings, firstLine } = await consult(lab.connectors.a)
  if (findings.some(notOfThisHost)) throw new Error(`the doctor reports it as a fault: ${firstLine}`)
  const common = { text, tookMs, verdictMs: tookMs, checks: [] }
  const said = /^health +unknown, HEALTH_UNKNOWN: (.*?)(?: {2}\w+)?$/m.exec(text)?.[1]
  if (said === undefined) {
    return { ...common, firstLine: 'known', exitCode: 0, outcome: 'healthy', findings: [] }
  }
  const finding: Finding = {
    ...{ hop, code: 'HEALTH_UNKNOWN', seen: [said], cause: said, fix: [fix] },
    verify: { run: command, expect: 'its application is reachable' },
  }
  return {
    ...common,
    firstLine: `${hop} HEALTH_UNKNOWN: ${said}`,
    exitCode: 1,
    outcome: 'unknown',
    findings: [finding],
  }
}
