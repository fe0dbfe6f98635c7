/**
 * What a scenario is: a story, and ways to make it come true in the lab that the doctor must see through.
 *
 * @module
 */
import type { FaultCode, Hop } from '../src/base/faults.ts'
import type { LabConnector } from './connector.ts'
import type { LogLine } from './daemon.ts'
import { type Consultation, consult, type Finding } from './doctor.ts'
import type { Lab } from './lab.ts'

export interface Scenario {
  /** `SCN-05`. */
  readonly id: string
  readonly title: string
  /** For people: what happened to whom, before anybody looked. */
  readonly story: string
  readonly variants: readonly Variant[]
}

export interface Variant {
  readonly name: string
  /** One sentence: what this variant does. */
  readonly does: string
  /** In the drill, from vague to plain. */
  readonly hints: readonly string[]
  /** First verdict of the doctor. */
  readonly hop: Hop
  readonly code: FaultCode
  /** Evidence that the verdict must quote. */
  readonly seen: readonly RegExp[]
  /** What its cause must say, where one code has several. */
  readonly cause?: RegExp
  /** On which connector the doctor is asked; `a` unless it says otherwise. */
  readonly patient?: 'a' | 'b'
  /** Asked about this application, too: HOST:PORT. */
  readonly app?: string
  /** Nobody of the group can serve while it lasts. */
  readonly cutsAll?: boolean
  /** Why this machine cannot show it, where it cannot: a kernel without AppArmor. */
  readonly impossible?: () => string | undefined
  /** Needs the machine for itself: loads a processor, or changes what all labs share. */
  readonly alone?: boolean
  /** The printed verify command must show the printed line within this. */
  readonly verifyMs?: number
  /** The record of it stays for some minutes: the doctor goes on saying it after the cure, and is right. */
  readonly remembered?: boolean
  /** The system must have noticed by itself within this. */
  readonly noticeMs?: number
  readonly inject: (lab: Lab) => Promise<void>
  /** Did the system notice? By default a line of the patient's log names the code. */
  readonly noticed?: (lab: Lab, since: Since) => boolean | Promise<boolean>
  /** Who is asked in place of the doctor on the patient's machine: what the user's own client says. */
  readonly examine?: (lab: Lab) => Promise<Consultation>
  /** Where that is asked, and the verify command is run. */
  readonly examinedOn?: 'user' | 'edge' | 'edge2' | 'connector-a'
  /** The printed fix starts the daemon again; else it must come back as it is. */
  readonly restarts?: boolean
  /** Does what the verdict printed, and nothing else. */
  readonly cure: (lab: Lab, finding: Finding) => Promise<void>
  /** Back to the healthy lab, over and above `cure`; also after a failure. */
  readonly restore?: (lab: Lab) => Promise<void>
}

/** Log lines with a code since the break. */
export interface Since {
  faults(connector: LabConnector): LogLine[]
}

export function patientOf(lab: Lab, variant: Variant): LabConnector {
  return lab.connectors[variant.patient ?? 'a']
}

export function examined(lab: Lab, variant: Variant): Promise<Consultation> {
  return variant.examine?.(lab) ?? consult(patientOf(lab, variant), variant.app)
}

/** `SCN-05:drop`. */
export function nameOf(scenario: Scenario, variant: Variant): string {
  return `${scenario.id}:${variant.name}`
}
