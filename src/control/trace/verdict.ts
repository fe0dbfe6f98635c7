/**
 * What a trace says as a whole. Pure.
 *
 * @module
 */
import type { TraceFinding, TraceReport } from '../../api/trace.ts'
import { fillIn, shellWord, wordsOf } from '../../base/fault-words.ts'
import { hostPort } from '../../base/host-port.ts'
import { wouldPass } from '../../policy/would-pass.ts'
import type { DiagnosisFinding, TraceStep } from '../../wire/control.ts'

export interface About {
  readonly user: { readonly id: string; readonly name: string }
  readonly device?: TraceReport['device']
  readonly host: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  readonly connector?: string
  readonly segment?: string
  readonly from: 'device' | 'facts'
  /** Of the connectors behind the segment those that do not reach it, where one does. */
  readonly othersOut?: readonly string[]
}

export interface TraceVerdict {
  readonly outcome: TraceReport['outcome']
  readonly headline: string
  readonly finding?: TraceFinding
}

/** @param looked What the connector found on its own machine, where it was asked. */
export function verdictOf(
  steps: readonly TraceStep[],
  about: About,
  looked?: DiagnosisFinding,
): TraceVerdict {
  const failed = steps.find(({ verdict }) => verdict === 'fail')
  if (failed?.fault !== undefined) {
    const finding = findingOf(failed as TraceStep & { fault: object }, about, looked)
    return { outcome: 'fault', headline: `${finding.hop} ${finding.code}: ${finding.cause}`, finding }
  }
  const where = `${hostPort(about)}${about.protocol === 'udp' ? '/udp' : ''}`
  const through = about.connector === undefined ? '' : ` through ${about.connector}`
  if (about.from === 'facts') {
    const tested =
      about.device === undefined
        ? 'it was not tested: the user has no device'
        : `it was not tested from ${about.device.name}, which is offline`
    const headline = `unknown: nothing known here blocks ${about.user.name} from ${where}${through}; ${tested}`
    return { outcome: 'unknown', headline }
  }
  const blind = steps.filter(({ verdict }) => verdict === 'unknown').map(({ hop }) => hop)
  if (blind.length > 0) {
    const headline = `unknown: nothing failed on the path to ${where}, but not everything could be checked: ${blind.join(', ')}`
    return { outcome: 'unknown', headline }
  }
  const device = about.device === undefined ? '' : ` on ${about.device.name}`
  return {
    outcome: 'healthy',
    headline: `healthy: ${about.user.name}${device} reaches ${[`${where}${through}`, ...(about.othersOut ?? [])].join('; ')}`,
  }
}

function findingOf(
  { hop, text, fault }: TraceStep & { fault: NonNullable<TraceStep['fault']> },
  about: About,
  looked: DiagnosisFinding | undefined,
): TraceFinding {
  const verify = { run: traceCommand(about), expect: 'healthy:' }
  if (looked !== undefined) {
    const { code, title, cause, seen, fix } = looked
    return {
      hop,
      code,
      title,
      cause,
      seen: [`the session: ${fault.detail}`, ...seen],
      fix: fix.map((line) => fillIn(line, { SEGMENT: about.segment })),
      verify,
    }
  }
  const { title, cause, fix } = wordsOf(
    { code: fault.code, seen: fault.seen ?? {} },
    { APP: about.host, PORT: about.port },
  )
  const isDecision =
    hop === 'policy' || hop === 'selection' || hop === 'client' || fault.code === 'NO_HEALTHY_CONNECTOR'
  // Whoever knew it before anybody traced knows why, and what to do, too.
  const known = isDecision ? [] : linesOf(fault.seen?.fix)
  return {
    ...{ hop, code: fault.code, title },
    cause: isDecision || known.length > 0 ? fault.detail : cause,
    seen: isDecision ? evidenceOf(fault.seen, fault.detail) : [text, ...linesOf(fault.seen?.saw)],
    wouldPass: wouldPass(fault, about),
    fix: known.length > 0 ? known : [fix],
    verify,
  }
}

/** The members that are out, one to a line, and who was the last of them; else the words of the fault are the evidence. */
function evidenceOf(seen: NonNullable<TraceStep['fault']>['seen'], detail: string): string[] {
  const members = seen?.members
  if (!Array.isArray(members) || members.length === 0) return [detail]
  return typeof seen?.alone === 'string' ? [...members, seen.alone] : members
}

function linesOf(value: unknown): string[] {
  return Array.isArray(value) ? value : []
}

/** What asks the same again. */
export function traceCommand({
  user,
  device,
  host,
  port,
  protocol,
}: Omit<About, 'from' | 'connector'>): string {
  const where = shellWord(hostPort({ host, port }))
  const from = device === undefined ? '' : ` --device ${isPlain(device.name) ? device.name : device.id}`
  return `backstitch trace ${isPlain(user.name) ? user.name : user.id} ${where}${from}${protocol === 'udp' ? ' --udp' : ''}`
}

/** A shell takes it as one word. */
function isPlain(name: string): boolean {
  return /^[\w][\w.@-]*$/.test(name)
}
