import type { z } from 'zod'
import type { connectorVitals, segmentHealth } from '../api/vitals.ts'
import { hostPort } from '../base/host-port.ts'
import type { Rest } from './rest.ts'
import { inLine, style } from './terminal.ts'

type Health = z.infer<typeof segmentHealth>
type VitalsResource = z.infer<typeof connectorVitals>

/** What is not known is no fault, and must not look like one. */
const COLOURS = { healthy: 'green', degraded: 'yellow', unhealthy: 'red', unknown: 'dim' } as const
const PASSAGES_SHOWN = 8

/** Whether the applications of a segment are reached, by whom, and why some connectors would get no session. */
export async function healthText(rest: Rest, segment: string): Promise<string> {
  return segmentHealthText(await rest.get<Health>(`/segments/${encodeURIComponent(segment)}/health`))
}

export function segmentHealthText({ mode, state, code, because, groups, connectors }: Health): string {
  const named = code === undefined ? state : `${state}, ${code}`
  return [
    `${style('dim', 'health')}  ${style(COLOURS[state], named)}: ${inLine(because)}  ${style('dim', mode)}`,
    ...connectors.flatMap(({ name, state: own, out, applications }) => [
      `  ${name}  ${style(COLOURS[own], own)}${out === undefined ? '' : `  not used for new sessions: ${inLine(out)}`}`,
      ...applications.map(({ host, port, protocol, state: reached, code: why, at, probe }) => {
        const named = style(COLOURS[reached], String(why))
        const what = { healthy: 'reached', degraded: `reached, but ${named}`, unhealthy: named }[reached]
        const where = `${hostPort({ host, port })}${protocol === undefined ? '' : `/${protocol}`}`
        return `    ${where}  ${what}  ${style('dim', `${probe ? 'probe' : 'session'} ${at}`)}`
      }),
    ]),
    ...groups.map(
      ({ spare, tier }) => `  ${tier === 'failover' ? 'failover group: ' : ''}${inLine(spare.text)}`,
    ),
  ].join('\n')
}

/** What the control plane has seen of a connector: worst first. */
export function vitalsText({ timeline, flapping, spare }: VitalsResource): string {
  return [
    ...(flapping === undefined
      ? []
      : [style('red', `${flapping.hop} ${flapping.code}: ${inLine(flapping.detail)}`)]),
    `${style('dim', 'group')}  ${inLine(spare.text)}`,
    ...(timeline.length === 0 ? [] : [style('dim', 'timeline')]),
    ...timeline.slice(-PASSAGES_SHOWN).map(({ at, is, address, hop, code }) => {
      const why = code === undefined ? '' : `: ${hop} ${code}`
      return `  ${at}  ${is}${is === 'connected' ? ` from ${address}` : why}`
    }),
  ].join('\n')
}
