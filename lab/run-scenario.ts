/**
 * One variant from healthy to healthy: broken, noticed, named, cured by what was printed, verified.
 *
 * @module
 */
import type { FaultCode } from '../src/base/faults.ts'
import type { LabConnector } from './connector.ts'
import { until } from './daemon.ts'
import { type Consultation, type Finding, faultsOf, notOfThisHost } from './doctor.ts'
import { keepExample } from './example.ts'
import type { Lab } from './lab.ts'
import type { Machine } from './machine.ts'
import { isSlowHost } from './pace.ts'
import { examined, nameOf, patientOf, type Since, type Variant } from './scenario.ts'
import type { Chosen } from './scenarios/all.ts'

export const NOTICE_MS = 30_000
const VERIFY_MS = 20_000
const LOOKS_WHERE_SLOW = 4
/** What a busy host brings about by itself, where it is not the story. */
const OF_THE_HOST: ReadonlySet<FaultCode> = new Set(['CONNECTOR_OVERLOADED', 'STOOD_STILL'])
const HEALTHY_MS = 60_000
/** A client finds out within this that a tunnel leads nowhere, and goes to the other connector of the group. */
const PEER_MS = 30_000

export interface Result {
  readonly scenario: string
  readonly variant: string
  /** From the break until the system said so by itself. */
  readonly noticedMs?: number
  /** The right one. */
  readonly code: FaultCode
  /** How long `backstitch doctor` took to its first line. */
  readonly verdictMs?: number
  /** And to its last. */
  readonly doctorMs?: number
  /** Its first line. */
  readonly verdict?: string
  readonly cured: boolean
  /** From the cure until the connector was healthy, without a restart. */
  readonly recoveredMs?: number
  readonly problems: readonly string[]
  /** What went wrong while other labs ran beside it; this is the run without them. */
  readonly besideOthers?: readonly string[]
  /** Why it was not run. */
  readonly skipped?: string
}

/**
 * Never throws: what went wrong is in the result, and the lab is healthy again or says that it is not.
 *
 * @param examples Folder for what a person sees while it lasts.
 */
export async function runVariant(
  lab: Lab,
  { scenario, variant }: Chosen,
  examples?: string,
): Promise<Result> {
  const { name, code } = variant
  const problems: string[] = []
  const timed: {
    noticedMs?: number
    verdictMs?: number
    doctorMs?: number
    verdict?: string
    recoveredMs?: number
  } = {}
  let cured = false
  const { since, untouched } = marks(lab)
  try {
    const brokenAt = performance.now()
    await variant.inject(lab)
    await noticed(lab, variant, since)
    timed.noticedMs = Math.round(performance.now() - brokenAt)
    const patient = patientOf(lab, variant)
    const said = await examined(lab, variant)
    timed.verdictMs = said.verdictMs
    timed.doctorMs = said.tookMs
    timed.verdict = said.firstLine
    problems.push(...faultsOf(said, variant))
    const where = variant.examine === undefined ? patient.machine : lab.machines[variant.examinedOn ?? 'user']
    problems.push(...(await provesNothing(where, said)))
    if (examples !== undefined) await keepExample(examples, lab, { scenario, variant }, { said, since })
    if (!variant.cutsAll) await lab.serves(PEER_MS)
    const [finding] = said.findings
    if (finding !== undefined && problems.length === 0) {
      const curedAt = performance.now()
      const before = patient.runs ? patient.daemon : undefined
      await variant.cure(lab, finding)
      await patient.healthy(HEALTHY_MS)
      timed.recoveredMs = Math.round(performance.now() - curedAt)
      if (before !== undefined && before !== patient.daemon && !variant.restarts) {
        problems.push('the connector was healthy only after a restart')
      }
      // What is remembered for some minutes is verified as after these.
      if (variant.remembered) await variant.restore?.(lab)
      await verified(where, said, variant.verifyMs)
      if (!variant.remembered) problems.push(...(await stillIll(lab, variant)))
      await lab.serves()
      cured = problems.length === 0
    }
  } catch (error) {
    problems.push((error as Error).message)
  }
  try {
    await variant.restore?.(lab)
    await lab.repair([lab.connectors.a, lab.connectors.b].filter((one) => !untouched(one)))
  } catch (error) {
    cured = false
    problems.push(`the lab is not healthy after ${nameOf(scenario, variant)}: ${(error as Error).message}`)
  }
  return { scenario: scenario.id, variant: name, code, ...timed, cured, problems }
}

/** What it says of itself in a quiet week: sessions come and go. */
const QUIET = /^(session|session-report|tunnel|state)\./

/** Where the logs stand now. */
export function marks(lab: Lab): { since: Since; untouched: (connector: LabConnector) => boolean } {
  const { a, b } = lab.connectors
  const at = new Map([a, b].map((one) => [one, { mark: one.daemon.mark(), daemon: one.daemon }]))
  return {
    since: { faults: (connector) => connector.faults(at.get(connector)!.mark) },
    /** Nothing has happened to it that it could remember: it need not be started again. */
    untouched(connector) {
      const { mark, daemon } = at.get(connector)!
      if (connector.daemon !== daemon || !connector.runs) return false
      return daemon
        .lines(mark)
        .every(({ event = '', code, level }) => code === undefined && level === 'info' && QUIET.test(event))
    },
  }
}

/** Resolves when the system has said by itself what is wrong. @throws {Error} when it does not in time. */
export async function noticed(lab: Lab, variant: Variant, since: Since): Promise<void> {
  const patient = patientOf(lab, variant)
  const byItself = () => since.faults(patient).some(({ code }) => code === variant.code)
  await until(
    async () => (variant.noticed ? variant.noticed(lab, since) : byItself()),
    () => {
      const codes = [...new Set(since.faults(patient).map(({ code }) => code))]
      return `the system did not report ${variant.code} by itself; it reported ${codes.join(', ') || 'nothing'}`
    },
    variant.noticeMs ?? NOTICE_MS,
  )
}

/** A command that shows the printed line while it is still broken tells nobody that it is mended. */
async function provesNothing(machine: Machine, { findings }: Consultation): Promise<string[]> {
  const verify = findings[0]?.verify
  if (verify === undefined) return []
  const { line } = await ranVerify(machine, verify)
  return line === undefined ? [] : [`while it is broken "${verify.run}" already shows "${line.trim()}"`]
}

/** Runs the printed command, as it stands, until it shows the printed line. */
async function verified(machine: Machine, { findings }: Consultation, timeoutMs = VERIFY_MS): Promise<void> {
  const { verify } = findings[0]!
  let shown = ''
  await until(
    async () => {
      const ran = await ranVerify(machine, verify)
      shown = ran.shown
      return ran.line !== undefined
    },
    () => `"${verify.run}" does not show "${verify.expect}":\n${shown}`,
    timeoutMs,
  )
}

/** What the printed command shows, and the printed line in it, where it is there. */
async function ranVerify(
  machine: Machine,
  { run, expect }: Finding['verify'],
): Promise<{ shown: string; line?: string }> {
  const { stdout, stderr } = await machine.shell(run)
  const shown = `${stdout}${stderr}`
  // A doctor who finds something prints what to verify, and that is not yet what it shows.
  return {
    shown,
    line: shown.split('\n').find((line) => line.includes(expect) && !line.includes('shows: ')),
  }
}

async function stillIll(lab: Lab, variant: Variant): Promise<string[]> {
  let said = await examined(lab, variant)
  // A look for which this machine had no time is no illness.
  const tries = isSlowHost() ? LOOKS_WHERE_SLOW : 1
  for (let n = 0; n < tries && said.outcome === 'unknown'; n++) said = await examined(lab, variant)
  const { outcome, findings, firstLine, checks } = said
  const busy = findings.length > 0 && !OF_THE_HOST.has(variant.code) && !findings.some(notOfThisHost)
  if (outcome === 'healthy' || busy) return []
  const unknown = checks.filter(({ verdict }) => verdict === 'unknown')
  const not = unknown.map(({ check, text }) => `; ${check}: ${text}`).join('')
  return [`after the fix the doctor reports ${outcome}: ${firstLine}${not}`]
}
