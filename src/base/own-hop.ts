import type { Hop } from './faults.ts'

let hop: Hop = 'connector'

/** Which hop this process is: said once, where a role begins, for faults of the process itself. */
export function actAs(own: Hop): void {
  hop = own
}

export function ownHop(): Hop {
  return hop
}
