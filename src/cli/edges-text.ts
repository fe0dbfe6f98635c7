import type { EdgeReport } from '../agent/edges/edge-monitor.ts'
import { hostPort } from '../base/host-port.ts'
import { milliseconds } from './session-line.ts'
import { style, table } from './terminal.ts'

/** The edges that an agent knows, where there is more than one. Documents of before have none. */
export function edgesText(edges: readonly EdgeReport[] = []): string[] {
  if (edges.length < 2) return []
  const rows = edges.map(({ name, region, host, port, inUse, rttUs, knownRttUs, fault }) => [
    name,
    region,
    hostPort({ host, port }),
    distanceText(rttUs, knownRttUs),
    inUse ? 'in use' : fault === undefined ? '' : `${style('yellow', fault.code)}: ${fault.detail}`,
  ])
  return [table(['EDGE', 'REGION', 'ADDRESS', 'AWAY', ''], rows)]
}

function distanceText(rttUs: number | undefined, knownRttUs: number | undefined): string {
  if (rttUs !== undefined) return milliseconds(rttUs)
  return knownRttUs === undefined ? '?' : `was ${milliseconds(knownRttUs)}`
}
