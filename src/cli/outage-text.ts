import type { Outage } from '../agent/examination/outages.ts'
import type { OutageReport } from '../agent/examination/self-examination.ts'
import { rfc3339 } from '../base/clock.ts'
import { style } from './terminal.ts'

const PAST_SHOWN = 3

/** What a daemon says of its outages, for people: the verdict of the one that lasts, and when there were others. */
export function outageText(report: OutageReport | undefined): string[] {
  if (report === undefined) return []
  const { current, past } = report
  return [...(current ? currentText(current) : []), ...past.slice(0, PAST_SHOWN).map(pastText)]
}

function currentText(outage: Outage): string[] {
  const { sinceMs, attempts, verdict, code, hop, detail } = outage
  const lines = [`outage since ${rfc3339(sinceMs)}, ${attempts} attempts`]
  if (verdict === undefined) return [...lines, `  ${style('red', `${hop} ${code}`)}: ${detail}`]
  const { headline, seen, fix, verify } = verdict
  return [
    ...lines,
    `  ${style('red', headline)}`,
    ...seen.map((line) => `    seen    ${line}`),
    ...fix.map((line) => `    fix     ${line}`),
    ...(verify ? [`    verify  ${verify.run} shows: ${verify.expect}`] : []),
  ]
}

function pastText({ sinceMs, endedMs = sinceMs, verdict, code, hop, detail }: Outage): string {
  const cause = `${verdict?.hop ?? hop} ${verdict?.code ?? code}`
  // Of a process that was killed nobody knows for how long: the time is that of the start after it.
  const text =
    endedMs === sinceMs
      ? `out before ${rfc3339(sinceMs)}: ${cause}, ${detail}`
      : `out from ${rfc3339(sinceMs)} for ${Math.round((endedMs - sinceMs) / 1000)} s: ${cause}`
  return style('dim', text)
}
