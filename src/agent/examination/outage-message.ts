import {
  type AgentMessage,
  batches,
  cutText,
  MAX_LINE_CHARS,
  MAX_LINES,
  MAX_LIST_BYTES,
  MAX_OUTAGES,
} from '../../wire/control.ts'
import type { Outage, SelfVerdict } from './outages.ts'

const MAX_DETAIL = 2048
const MAX_ALSO_CHARS = 128

/** Outages that have ended, as control is told of them. Evidence is cut to what a message may hold. */
export function outagesMessages(over: readonly Outage[]): AgentMessage[] {
  const told = over.map(({ id, sinceMs, endedMs = sinceMs, verdict, ...one }) => ({
    id,
    sinceMs,
    endedMs,
    attempts: one.attempts,
    code: one.code,
    hop: one.hop,
    detail: cutText(one.detail, MAX_DETAIL),
    ...(verdict === undefined ? {} : { verdict: explained(verdict) }),
  }))
  const limits = { maxBytes: MAX_LIST_BYTES, maxItems: MAX_OUTAGES }
  return [...batches(told, limits)].map((outages) => ({ type: 'outages', outages }))
}

function explained({ run, at, outcome, headline, code, hop, seen, also }: SelfVerdict) {
  const few = Math.min(8, MAX_LINES)
  const cut = (text: string) => cutText(text, MAX_LINE_CHARS / 4)
  return {
    ...{ run, at, outcome, code, hop, headline: cut(headline) },
    seen: seen.slice(0, few).map(cut),
    also: also.slice(0, few).map((text) => cutText(text, MAX_ALSO_CHARS)),
  }
}
