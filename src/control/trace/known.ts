/**
 * What was known of the application before anybody traced the way to it: the words of every connector behind its
 * segment, each with its age. A canary carries nothing of a user's, so it does not see what they have seen. Pure.
 *
 * @module
 */
import type { TraceReport } from '../../api/trace.ts'
import { rfc3339 } from '../../base/clock.ts'
import type { FaultCode } from '../../base/faults.ts'
import type { FaultMessage, TraceHop, TraceStep } from '../../wire/control.ts'
import type { ApplicationReport } from '../presence/applications.ts'

/** One connector behind the segment, with its last word on the application; or the edge on the way, which has none. */
export interface MemberWord {
  readonly id: string
  readonly name: string
  readonly told?: ApplicationReport
  /** What is wrong with itself, by its own account. */
  readonly notes: readonly FaultMessage[]
}

export type KnownTrouble = NonNullable<TraceReport['known']>[number]

/** In words that say who said it, and when. */
export function knownTroubles(members: readonly MemberWord[], nowMs: number): KnownTrouble[] {
  return members.flatMap(({ name, told, notes }): KnownTrouble[] => [
    ...(told === undefined ? [] : [{ from: name, at: rfc3339(told.atMs), ...wordOf(told, nowMs) }]),
    ...notes.map(({ code, detail }) => ({
      from: name,
      code,
      text: `from its own check: ${code}: ${detail}`,
    })),
  ])
}

/** Connectors that could be chosen as well, but for this: whoever is served by another one does not notice. */
export function othersOut(members: readonly MemberWord[], met: string | undefined): string[] {
  return members.flatMap(({ id, name, told }) =>
    id === met || told === undefined || told.ok ? [] : [`${name} does not: ${told.fault?.code ?? 'unknown'}`],
  )
}

function wordOf(
  { ok, fault, atMs, probe, protocol, waits }: ApplicationReport,
  nowMs: number,
): Pick<KnownTrouble, 'code' | 'text'> {
  const how = `${probe ? 'its own check' : 'a session'} ${ageText(nowMs - atMs)}${waitsText(waits)}`
  if (fault === undefined) {
    return { text: protocol === 'udp' ? `received datagrams from it: ${how}` : `connects to it: ${how}` }
  }
  const what = `${fault.code}: ${fault.detail.replace(/\.$/, '')}`
  return { code: fault.code, text: ok ? `connects, but ${what}; ${how}` : `${what}; ${how}` }
}

function waitsText(waits = 0): string {
  if (waits === 0) return ''
  return waits === 1
    ? '; one session waits for its first byte'
    : `; ${waits} sessions wait for their first byte`
}

/** Where a trace looks for what a connector may know: what the canary met itself counts for more. */
const HOP_OF: { readonly [code in FaultCode]?: TraceHop } = { APP_TLS_NAME: 'tls', APP_CERT_EXPIRED: 'tls' }

/**
 * What the connector that was met knows of the application, as the step that it belongs to.
 *
 * @param steps Of a trace in which nothing failed.
 * @returns Nothing where it knows nothing more, or where the trace has just seen it otherwise.
 */
export function stepFrom(
  { name, told }: MemberWord,
  steps: readonly TraceStep[],
  nowMs: number,
): TraceStep | undefined {
  if (told === undefined) return undefined
  const { fault, ok, protocol, atMs } = told
  if (fault === undefined) {
    if (protocol !== 'udp' || !ok) return undefined
    return {
      hop: 'application',
      verdict: 'pass',
      text: `${name} received datagrams from it ${ageText(nowMs - atMs)}`,
    }
  }
  // That it can be connected to was seen just now; of UDP nothing was.
  if (!ok && protocol !== 'udp') return undefined
  const hop = HOP_OF[fault.code] ?? 'application'
  const seen = steps.find((step) => step.hop === hop)
  if (seen?.verdict === 'pass' && isProof(fault.code, seen)) return undefined
  return {
    hop,
    verdict: 'fail',
    text: `${fault.detail}, reported by ${name} (${ageText(nowMs - atMs)})`,
    fault,
  }
}

/** A certificate that fits, a greeting, a handshake: what is said of the application is over. */
function isProof(code: FaultCode, { text }: TraceStep): boolean {
  if (code === 'APP_TLS_NAME' || code === 'APP_CERT_EXPIRED') return true
  return code === 'APP_SILENT' && (text.startsWith('it sends a greeting') || text === 'it answers')
}

function ageText(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000))
  return s < 120 ? `${s} s ago` : `${Math.round(s / 60)} min ago`
}
