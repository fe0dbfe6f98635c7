import type { Consultation, Finding } from './doctor.ts'
import type { Lab } from './lab.ts'

/** What the client of the user says in place of a page, taken the way a verdict of the doctor is. */
export async function browse(lab: Lab, host?: string, port?: number, uid?: number): Promise<Consultation> {
  const { text, tookMs, command } = await lab.browse(host, port, 'http', uid)
  const problem = parse(text)
  const common = { text, tookMs, verdictMs: tookMs, checks: [] }
  if (problem === undefined) {
    return { ...common, firstLine: text.trimEnd(), exitCode: 0, outcome: 'healthy', findings: [] }
  }
  const { hop, code, title, detail, seen, cause, fix } = problem
  const finding: Finding = {
    ...{ hop, code, cause, fix: [fix] },
    seen: [detail, JSON.stringify(seen ?? {})],
    // Whoever was refused tries again: that is the proof.
    verify: { run: command, expect: 'app.dc1 answers' },
  }
  return {
    ...common,
    firstLine: `${hop} ${code}: ${title}`,
    exitCode: 1,
    outcome: 'fault',
    findings: [finding],
  }
}

interface Problem extends Omit<Finding, 'seen' | 'fix' | 'verify'> {
  readonly title: string
  readonly detail: string
  readonly seen?: unknown
  readonly fix: string
}

function parse(text: string): Problem | undefined {
  try {
    return JSON.parse(text) as Problem
  } catch {
    return undefined
  }
}
