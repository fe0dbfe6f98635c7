import path from 'node:path'
import type { Diagnose } from '../agent/examination/diagnosis.ts'
import type { SelfVerdict } from '../agent/examination/outages.ts'
import type { Examine } from '../agent/examination/self-examination.ts'
import type { DeepCheck } from '../connector/health/deep-checks.ts'
import type { DaemonFacts } from '../doctor/facts.ts'
import type { PatientRole } from '../doctor/patient.ts'
import type { Report } from '../doctor/report.ts'
import type { HostFlags } from './doctor-host.ts'
import type { PatientFlags } from './doctor-patient.ts'

/**
 * The doctor for a daemon to ask: it looks at the very files, proxy and user of this process. Loaded when it is
 * needed, so that a daemon is up before.
 *
 * @param flags Those that the daemon was started with.
 */
export function selfExamine(role: PatientRole, stateDir: string, flags: PatientFlags): Examine {
  return async (asking, signal) => {
    const { admit } = await import('./doctor-patient.ts')
    const { examine } = await import('../doctor/examine.ts')
    const admitted = await admit(
      { role, stateDir: path.resolve(stateDir) },
      { ...flags, asThisUser: true },
      signal,
    )
    const report = await examine({ ...admitted, daemon: asker(stateDir, asking), signal })
    return verdictOf(report)
  }
}

/** The same for a further edge, which looks at its own port, too. @param flags Those that it was started with. */
export function selfExamineEdge(flags: HostFlags): Examine {
  return async (asking, signal) => {
    const { furtherEdge } = await import('./doctor-host.ts')
    const { examineHost } = await import('../doctor/examine-host.ts')
    const admitted = await furtherEdge(flags)
    const daemon = asker(admitted.patient.stateDir, asking)
    return verdictOf(await examineHost({ ...admitted, daemon, signal }))
  }
}

function asker(stateDir: string, { enrolling, ...fault }: Parameters<Examine>[0]): DaemonFacts {
  const socket = path.join(stateDir, 'status.sock')
  const state = enrolling ? 'enrolling' : 'trying to connect'
  return { socket, answers: true, pid: process.pid, state, fault }
}

async function verdictOf(report: Report): Promise<SelfVerdict> {
  const { headline } = await import('../doctor/report.ts')
  const { run, at, durationMs, outcome, findings } = report
  const [root, ...beside] = findings
  return {
    run,
    at,
    durationMs,
    outcome,
    headline: headline(report),
    code: root?.code,
    hop: root?.hop,
    seen: [...(root?.seen ?? [])],
    fix: [...(root?.fix ?? [])],
    verify: root?.verify,
    also: beside.map(({ hop, code }) => `${hop} ${code}`),
  }
}

/**
 * The doctor for a daemon whom the control plane asks: the same examination as `backstitch doctor` on this machine,
 * told as it goes.
 *
 * @param flags Those that the daemon was started with.
 */
export function selfDiagnose(role: PatientRole, stateDir: string, flags: PatientFlags): Diagnose {
  return async (app, progress, signal) => {
    const { admit } = await import('./doctor-patient.ts')
    const { examine } = await import('../doctor/examine.ts')
    const { CertainSteps } = await import('../doctor/steps.ts')
    const steps = new CertainSteps()
    const admitted = await admit(
      { role, stateDir: path.resolve(stateDir) },
      { ...flags, app, asThisUser: true },
      signal,
    )
    const report = await examine({
      ...admitted,
      signal,
      onProgress: (diagnosis) => {
        const sure = steps.take(diagnosis)
        for (const step of sure.steps) progress.step(step)
        if (sure.first) progress.first(sure.first)
      },
    })
    for (const step of steps.rest(report.checks)) progress.step(step)
    return report
  }
}

/** The doctor for a connector to ask about an application that it can connect to. */
export function selfDeepCheck(stateDir: string, { proxyFile }: { proxyFile: string }): DeepCheck {
  return async (at, signal) => {
    const { deepCheck } = await import('../doctor/deep-check.ts')
    return deepCheck({ role: 'connector', stateDir: path.resolve(stateDir), proxyFile }, at, signal)
  }
}
