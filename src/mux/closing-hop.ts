import { FAULTS, type Hop } from '../base/faults.ts'
import type { StreamEnd } from './stream-end.ts'

/** The hop that a session record names for its end: of an orderly one, whoever ended first; of a fault, who owns it. */
export function closingHop({ reason, by }: StreamEnd, role: 'client' | 'connector'): Hop {
  const here = by === 'local'
  if (reason === 'done') return here === (role === 'connector') ? 'application' : 'client'
  if (reason === 'INTERNAL') return here === (role === 'connector') ? 'connector' : 'client'
  return FAULTS[reason].hop
}
