import { EdgeCache } from '../agent/edges/edge-cache.ts'
import type { EdgeReport } from '../agent/edges/edge-monitor.ts'
import { measureEdge } from '../agent/edges/edge-survey.ts'
import { silentLog } from '../base/log.ts'
import { StateDir } from '../base/state-dir.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import type { Egress } from '../link/dial/egress.ts'
import type { KnownEdge } from '../wire/control.ts'
import type { DaemonFacts, EdgesFacts } from './facts.ts'
import type { Patient } from './patient.ts'

export interface EdgesLook {
  readonly patient: Patient
  readonly egress: Egress
  /** Of the daemon: which edge it is at. */
  readonly daemon: DaemonFacts | undefined
  readonly signal: AbortSignal
}

/**
 * Every edge that this machine has been told of, measured now, by the way that the daemon would take. The edge in use
 * is what the daemon says; without one, that with the address that would be dialled.
 */
export async function lookAtEdges({ patient, egress, daemon, signal }: EdgesLook): Promise<EdgesFacts> {
  const cache = await EdgeCache.open(StateDir.at(patient.stateDir), silentLog)
  const told = daemon?.edges ?? []
  const edges = await Promise.all(
    cache.edges.map(async (edge): Promise<EdgesFacts['edges'][number]> => {
      const { id, name, region, host, port, out } = edge
      const said = told.find((one) => one.id === id)
      const about = { id, name, region, host, port, out, knownRttUs: cache.reachedUs(id) }
      if (out !== undefined) return { ...about, code: why(said) ?? `it is ${out}` }
      const found = await measureEdge(edge, { egress, signal })
      if ('fault' in found) return { ...about, code: `${found.fault.code}: ${found.fault.detail}` }
      // It answers, and still the daemon holds back from it: what it met there is the reason.
      return { ...about, rttUs: found.rttUs, code: why(said) }
    }),
  )
  const dialled = edges.find(({ host, port }) => host === patient.edge?.host && port === patient.edge.port)
  const inUse = told.find(({ inUse }) => inUse)?.id ?? dialled?.id
  const second = secondPort(patient, inUse === undefined ? undefined : cache.edge(inUse))
  return {
    ...{ region: cache.region, inUse, edges, unread: cache.unread },
    second: second && { at: second, distance: await measureEdge(second, { egress, signal }) },
  }
}

/** As the daemon would dial it: one that was set by hand goes before what the list of edges says. */
function secondPort({ edge: first }: Patient, known: KnownEdge | undefined): EdgeAddress | undefined {
  const pinned = first !== undefined && first.controlPort !== undefined ? first : undefined
  const edge = pinned ?? known
  if (edge?.controlPort === undefined || edge.controlPort === edge.port) return undefined
  const { host, addresses, controlPort: port } = edge
  return { host, addresses, port }
}

function why(told: EdgeReport | undefined): string | undefined {
  return told?.fault && `${told.fault.code}: ${told.fault.detail}`
}
