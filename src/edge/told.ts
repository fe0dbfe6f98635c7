/** What an edge tells a worker of who it is and what time it is, and how the worker goes by it. */
import type { Clock } from '../base/clock.ts'
import type { Credentials } from '../link/dial/credentials.ts'
import type { ToldIdentity, ToldTime } from '../wire/edge-worker.ts'

/** The one clock that all processes of a machine read alike. */
function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

export function timeFor(clock: Clock): ToldTime {
  return { nowMs: clock.nowMs(), atUs: monotonicUs() }
}

export function identityFor({ identity, ...rest }: Credentials): ToldIdentity {
  return { ...rest, identity: { ...identity, role: 'edge' } }
}

/** The time of the control plane, as of the last half that the edge gave: tickets are judged by what the edge knows. */
export class ToldClock implements Clock {
  #told: ToldTime

  constructor(told: ToldTime) {
    this.#told = told
  }

  set(told: ToldTime): void {
    this.#told = told
  }

  nowMs(): number {
    return Math.round(this.#told.nowMs + (this.monotonicUs() - this.#told.atUs) / 1000)
  }

  monotonicUs(): number {
    return monotonicUs()
  }
}
