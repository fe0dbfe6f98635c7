import type { OutageResource } from '../api/diagnosis.ts'
import { skewText } from '../base/clock-skew.ts'
import { hostPort } from '../base/host-port.ts'
import { resourceText } from './describe.ts'
import { vitalsText } from './describe-health.ts'
import type { ResourceRow } from './resource-row.ts'
import type { Rest } from './rest.ts'
import { inLine, style } from './terminal.ts'

const OUTAGES_SHOWN = 5
const FIELD_CHARS = 8

/** An agent, and the times when it was away. @param path Of the agent, in the API. */
export async function withOutages(rest: Rest, path: string): Promise<ResourceRow> {
  const [agent, { items }] = await Promise.all([
    rest.get<ResourceRow>(path),
    rest.get<{ items: OutageResource[] }>(`${path}/outages`),
  ])
  return { ...agent, outages: items }
}

/** A connector with what explains its absence first, and when it was away before last. */
export function connectorText(connector: ResourceRow): string {
  const { disconnected, away: _, outages: items, vitals, ...fields } = connector
  return [
    ...(disconnected === undefined ? [] : [...absenceLines(disconnected), '']),
    ...concernLines(fields.live),
    resourceText({ ...fields, live: liveFields(fields) }),
    ...(vitals === undefined ? [] : [vitalsText(vitals)]),
    ...outageLines(items),
  ].join('\n')
}

/** An edge with what it serves in spite of first. */
export function describeEdgeText({ notes, ...edge }: ResourceRow): string {
  return [...concernLines({ notes }), awayText(edge)].join('\n')
}

/** Anything with the times when it was away, if it ever was. */
export function awayText({ outages: items = [], ...fields }: ResourceRow): string {
  return [resourceText(fields), ...outageLines(items)].join('\n')
}

function outageLines(items: readonly OutageResource[]): string[] {
  return items.length === 0 ? [] : [style('dim', 'outages'), ...items.slice(0, OUTAGES_SHOWN).map(outageLine)]
}

/** What it says is wrong with it while it serves. */
function concernLines({ overload, leak, notes = [], failing = [], clockSkewMs }: ResourceRow = {}): string[] {
  const faults = [overload, leak, ...notes, ...failing].filter((fault) => fault !== undefined)
  return [
    ...faults.map(({ hop, code, detail, host, port }) =>
      style(
        'yellow',
        `${hop} ${code}: ${host === undefined ? '' : `${hostPort({ host, port })}: `}${inLine(detail)}`,
      ),
    ),
    ...skewLines(clockSkewMs, 'connector'),
  ]
}

/** Sessions by application and ways to edges in words; what is wrong stands above. */
function liveFields({ live, names = {} }: ResourceRow): ResourceRow | undefined {
  if (live === undefined) return undefined
  const { sessionsBy = [], edges = [], overload: _, leak: __, failing: ___, notes: ____, ...fields } = live
  const by = sessionsBy.map(
    ({ segment, sessions }: ResourceRow) => `${names[segment] ?? segment} ${sessions}`,
  )
  // Nought is what is there before the first PING.
  const rttUs = fields.rttUs || undefined
  return { ...fields, rttUs, edges: edges.map(wayText), sessionsBy: by.length === 0 ? undefined : by }
}

/** @param fastMs As the API has it: negative is behind the server. */
export function skewLines(fastMs: number | undefined, hop: string): string[] {
  const skew = fastMs === undefined ? undefined : skewText(-fastMs)
  return skew === undefined ? [] : [style('yellow', `${hop} CLOCK_SKEW: its clock is ${skew}`)]
}

function wayText({ name, rttUs, code }: ResourceRow): string {
  return `${name} ${rttUs === undefined ? (code ?? 'not measured') : `${(rttUs / 1000).toFixed(1)} ms`}`
}

/** As the doctor says it: hop, code and cause; then evidence, fix, and what to run where. */
export function absenceLines(
  { hop, code, cause, seen, fix, run, verify }: ResourceRow,
  where = 'on its machine',
): string[] {
  const field = (name: string, text: string) => `  ${style('dim', name.padEnd(FIELD_CHARS))}${inLine(text)}`
  return [
    code === undefined ? style('yellow', inLine(cause)) : style('red', `${hop} ${code}: ${inLine(cause)}`),
    ...seen.map((line: string, at: number) => field(at === 0 ? 'seen' : '', line)),
    field('fix', fix),
    field('run', `${run}  (${where})`),
    field('verify', `${verify.run} shows: ${verify.expect}`),
  ]
}

function outageLine({ since, ended, attempts, verdict, hop, code, detail }: OutageResource): string {
  if (ended === since) return `  ${since}  ${hop} ${code}: ${inLine(detail)}` // killed: for how long nobody knows
  const seconds = Math.round((Date.parse(ended) - Date.parse(since)) / 1000)
  const cause = verdict?.code === undefined ? `${hop} ${code}` : `${verdict.hop} ${verdict.code}`
  return `  ${since}  ${seconds} s, ${attempts} attempts: ${cause}`
}
