import type { Reachability } from './edge-choice.ts'

/** From client to connector over the edge that is best for both; undefined where no edge is known to both. */
export function pathRttUs(client: Reachability, connector: Reachability): number | undefined {
  let best: number | undefined
  for (const [edge, { rttUs: there }] of client) {
    const back = connector.get(edge)?.rttUs
    if (there === undefined || back === undefined) continue
    best = Math.min(best ?? Number.POSITIVE_INFINITY, there + back)
  }
  return best
}
