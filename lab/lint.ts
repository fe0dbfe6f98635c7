import { FAULTS, type FaultCode } from '../src/base/faults.ts'
import type { Consultation, Finding } from './doctor.ts'
import type { Lab } from './lab.ts'

interface LintFinding {
  readonly code: FaultCode
  readonly reason: string
  readonly consequence: string
  readonly fix: string
}

/** `backstitch lint`, taken the way a verdict of the doctor is: what is wrong stands in no machine. */
export async function lint(lab: Lab, about: FaultCode): Promise<Consultation> {
  const { text, tookMs, command } = await lab.lint()
  const said = (JSON.parse(text) as { findings: LintFinding[] }).findings.filter(({ code }) => code === about)
  const findings = said.map(
    ({ code, reason, consequence, fix }): Finding => ({
      ...{ hop: FAULTS[code].hop, code, seen: [reason], cause: consequence, fix: [fix] },
      verify: { run: `${command} | grep -q ${about} || echo ${about} is gone`, expect: `${about} is gone` },
    }),
  )
  const [first] = findings
  return {
    ...{ text, tookMs, verdictMs: tookMs, checks: [], findings },
    firstLine: first === undefined ? 'no findings' : `${first.hop} ${first.code}: ${first.cause}`,
    exitCode: first === undefined ? 0 : 1,
    outcome: first === undefined ? 'healthy' : 'fault',
  }
}

/** Whoever looks at the object after the change is told: nobody has to think of asking. */
export async function saidOf(lab: Lab, kind: string, name: string, code: FaultCode): Promise<boolean> {
  return (await lab.admin('describe', kind, name)).includes(code)
}
