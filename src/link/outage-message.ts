import { type AgentMessage, MAX_LINE_CHARS, MAX_LINES, MAX_OUTAGES } from '../wire/control.ts'
import type { Outage, SelfVerdict } from './outages.ts'

const MAX_DETAIL = 2048
const MAX_ALSO_CHARS = 128

/** Outages that have ended, as control is told of them. Evidence is cut to what a message may hold. */
export function outagesMessage(over: readonly Outage[]): AgentMessage {
  const outages = over.slice(0, MAX_OUTAGES).map(({ id, sinceMs, endedMs = sinceMs, verdict, ...one }) => ({
    id,
    sinceMs,
    endedMs,
    attempts: one.attempts,
    code: one.code,
    hop: one.hop,
    detail: one.detail.slice(0, MAX_DETAIL),
    ...(verdict === undefined ? {} : { verdict: explained(verdict) }),
  }))
  return { type: 'outages', outages }
}

function explained({ run, at, outcome, headline, code, hop, seen, also }: SelfVerdict) {
  const few = Math.min(8, MAX_LINES) // twenty of them have to fit into one message
  const cut = (text: string) => text.slice(0, MAX_LINE_CHARS / 4)
  return {
    ...{ run, at, outcome, code, hop, headline: cut(headline) },
    seen: seen.slice(0, few).map(cut),
    also: also.slice(0, few).map((text) => text.slice(0, MAX_ALSO_CHARS)),
  }
}
