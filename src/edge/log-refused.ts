import type { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'

/** One line of whom an edge refuses: at the level that it is worth to whoever runs the edge. */
export function logRefused(
  log: Log,
  { code, seen, detail }: Fault,
  { from, thrown }: { from: string | undefined; thrown: unknown },
): void {
  const fields = { event: 'edge.refused', code, from, seen }
  if (code === 'INTERNAL') log.error({ ...fields, err: thrown }, detail)
  else if (seen.balancer === true) log.warn(fields, detail)
  else log.info(fields, detail)
}
