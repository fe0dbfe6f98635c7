import type { Companion } from '../../agent/link/companion.ts'
import type { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { SLOW_MS } from '../../base/patience.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import type { RawPhase } from '../../link/pipe/raw-phase.ts'
import type { PipeTicket } from '../../wire/control.ts'
import { type CanaryOptions, type CanaryResult, flyCanary } from './canary.ts'
import { watchCanary } from './canary-watch.ts'
import type { Progress } from './progress.ts'

export interface CanaryRunsOptions {
  readonly request: CanaryOptions['request']
  readonly reroute: (pipe: PipeTicket) => PipeTicket
  readonly egress: Egress
  readonly credentials: () => Credentials
  readonly rawPhase: RawPhase
  readonly progress: Progress
  readonly log: Log
  /** A canary came through, or was lost for good. */
  readonly onHealth: (healthy: boolean) => void
  /** Its pipe could not be brought to this edge. */
  readonly onEdgeLost: (edge: string, fault: Fault) => void
}

/** Canaries while there is a control connection: they say whether the data path is there, which is stage 6. */
export class CanaryRuns implements Companion {
  readonly #o: CanaryRunsOptions
  #flying: AbortController | undefined

  constructor(options: CanaryRunsOptions) {
    this.#o = options
  }

  start(): Disposable {
    return { [Symbol.dispose]: () => this.down() }
  }

  up(): void {
    this.down()
    this.#flying = new AbortController()
    const { request, reroute, egress, credentials, rawPhase, progress, log, onHealth, onEdgeLost } = this.#o
    if (progress.stages[6].is !== 'passed') progress.begin(6)
    void watchCanary(
      {
        fly: (signal) =>
          flyCanary({ request, reroute, onEdgeLost, egress, credentials: credentials(), rawPhase, signal }),
        onHealthy: (result) => {
          progress.pass(6, { ...result })
          log.debug({ event: 'canary.passed', ...result }, 'Canary succeeded')
          const slow = slowText(result)
          if (slow !== undefined) log.warn({ event: 'canary.slow', ...result }, slow)
          onHealth(true)
        },
        onUnhealthy: (fault) => {
          progress.fail(6, fault)
          log.warn(
            { event: 'canary.lost', code: fault.code, hop: fault.hop },
            `Canary lost: ${fault.message}`,
          )
          onHealth(false)
        },
      },
      this.#flying.signal,
    )
  }

  down(): void {
    this.#flying?.abort()
  }
}

/** Of one that came through and took its time: which part of the way took it. */
export function slowText({ handoverUs, innerTlsUs, pingUs }: CanaryResult): string | undefined {
  const totalUs = handoverUs + innerTlsUs + pingUs
  if (totalUs < SLOW_MS * 1000) return undefined
  const ms = (us: number) => `${Math.round(us / 1000)} ms`
  return `Canary was slow: ${ms(totalUs)}; to the edge ${ms(handoverUs)}, end-to-end TLS ${ms(innerTlsUs)}, round trip ${ms(pingUs)}`
}
