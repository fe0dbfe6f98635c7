import type { TraceReport } from '../src/api/trace.ts'
import type { Hop } from '../src/base/faults.ts'
import type { Consultation } from './doctor.ts'
import type { Lab } from './lab.ts'

/** `backstitch trace` of the user to the application, taken the way a verdict of the doctor is. */
export async function traced(lab: Lab, port?: number): Promise<Consultation> {
  const { text, tookMs, command } = await lab.traceAsTyped(port)
  const { stdout } = await lab.machines.edge.shell(command.replace('backstitch ', 'backstitch --json '))
  const { outcome, headline, finding } = JSON.parse(stdout) as TraceReport
  const common = { command, text, tookMs, verdictMs: tookMs, firstLine: headline, outcome, checks: [] }
  if (finding === undefined) return { ...common, exitCode: outcome === 'healthy' ? 0 : 2, findings: [] }
  const { code, seen, cause, fix, hop } = finding
  // Hops of a trace are finer than those that own faults; of this story they are the same.
  const found = { hop: hop as Hop, code, seen, cause, fix, verify: { run: command, expect: 'healthy:' } }
  return { ...common, exitCode: 1, findings: [found] }
}
