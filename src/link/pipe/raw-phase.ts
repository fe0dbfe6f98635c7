/**
 * What is known of the raw phase of pipes, for each edge and the way to it. Where a middlebox lets only TLS records
 * through, halves go wrapped.
 *
 *     open --a pipe broke, and a raw trial breaks while a wrapped one does not--> blocked, RAW_PHASE_BLOCKED
 *      +-------------------- a raw trial comes through, after 10 min ----------------+
 *
 * Only trials decide (trial.ts): a pipe breaks for many reasons, most of them at its other end. Kept in memory, as a
 * machine may be on another network tomorrow.
 *
 * @module
 */

import { type Clock, systemClock } from '../../base/clock.ts'
import { Condition } from '../../base/condition.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import type { PipeTicket } from '../../wire/control.ts'
import type { HalfMode } from '../../wire/handover.ts'
import type { Credentials } from '../dial/credentials.ts'
import { type Egress, egressFor } from '../dial/egress.ts'
import type { BringOptions } from './handover.ts'
import { tryPath } from './trial.ts'

/** A blocked path is tried again after this. */
const BLOCKED_FOR_US = 600_000_000
/** After a trial that came through, or said nothing, broken pipes are no reason for another. */
const SETTLED_FOR_US = 60_000_000

export type TrialAccess = Pick<BringOptions, 'egress' | 'credentials'>

export interface RawPhaseOptions {
  readonly log: Log
  readonly clock?: Clock
  /** How long a trial waits for the path, in milliseconds. */
  readonly trialMs?: number
  /** A path lets raw halves through again. */
  readonly onOpen?: () => void
}

interface RawPhaseFinding {
  readonly edge: PipeTicket['edge']
  readonly egress: Egress
  /** RAW_PHASE_BLOCKED, or nothing: the path lets raw halves through, as far as is known. */
  readonly condition: Condition
  readonly untilUs: number
}

export class RawPhase implements Disposable {
  readonly #o: RawPhaseOptions
  readonly #clock: Clock
  readonly #findings = new Map<string, RawPhaseFinding>()
  readonly #trials = new Map<string, Promise<Fault | undefined>>()
  readonly #stop = new AbortController()

  constructor(options: RawPhaseOptions) {
    this.#o = options
    this.#clock = options.clock ?? systemClock
  }

  /** RAW_PHASE_BLOCKED for each path where it holds: pipes work, and somebody should know. */
  get blocked(): readonly Fault[] {
    return [...this.#findings.values()].flatMap(({ condition }) => condition.fault ?? [])
  }

  /** How a half is to be brought now. */
  mode(edge: PipeTicket['edge'], { egress }: Pick<TrialAccess, 'egress'>): HalfMode {
    return this.#findings.get(pathOf(edge, egress))?.condition.fault === undefined ? 'raw' : 'wrapped'
  }

  /**
   * Tries blocked paths again that are due. Call it now and then; halves go by the finding of before meanwhile.
   *
   * @throws what `credentials` throws; it is asked only when something is due.
   */
  async lookAgain(credentials: () => Credentials): Promise<void> {
    const nowUs = this.#clock.monotonicUs()
    const due = [...this.#findings.values()].filter(
      (one) => one.condition.fault !== undefined && one.untilUs <= nowUs,
    )
    await Promise.all(due.map(({ edge, egress }) => this.#try(edge, { egress, credentials: credentials() })))
  }

  /** A raw pipe broke after its handover. @returns RAW_PHASE_BLOCKED if that was the path; never rejects. */
  async examine(edge: PipeTicket['edge'], way: TrialAccess): Promise<Fault | undefined> {
    const found = this.#findings.get(pathOf(edge, way.egress))
    const settled = found !== undefined && found.untilUs > this.#clock.monotonicUs()
    return settled ? found.condition.fault : this.#try(edge, way)
  }

  [Symbol.dispose](): void {
    this.#stop.abort(new Fault('TUNNEL_LOST', 'this end is stopping'))
    for (const { condition } of this.#findings.values()) condition[Symbol.dispose]()
  }

  /** One trial at a time for each path, however many pipes broke. */
  #try(edge: PipeTicket['edge'], way: TrialAccess): Promise<Fault | undefined> {
    const path = pathOf(edge, way.egress)
    let trial = this.#trials.get(path)
    if (trial === undefined) {
      trial = this.#judge(path, edge, way).finally(() => this.#trials.delete(path))
      this.#trials.set(path, trial)
    }
    return trial
  }

  async #judge(path: string, edge: PipeTicket['edge'], way: TrialAccess): Promise<Fault | undefined> {
    const before = this.#findings.get(path)?.condition.fault
    const { egress, credentials } = way
    const { trialMs } = this.#o
    const o = { egress, credentials, signal: this.#stop.signal, trialMs }
    const keep = (blocked: Fault | undefined, forUs: number) =>
      this.#keep(path, blocked, { edge, egress, untilUs: this.#clock.monotonicUs() + forUs })
    try {
      const raw = await tryPath(edge, { ...o, mode: 'raw' })
      if (raw === undefined) return keep(undefined, SETTLED_FOR_US)
      const wrapped = await tryPath(edge, { ...o, mode: 'wrapped' })
      if (wrapped === undefined) return keep(blockedBy(path, raw), BLOCKED_FOR_US)
    } catch (thrown) {
      if (this.#stop.signal.aborted) return before
      const { code, detail } = asFault(thrown)
      this.#o.log.debug({ event: 'raw-phase.untried', path, code }, detail)
    }
    // Neither came through, or not even the handover: that is another fault, and nothing new about this one.
    return keep(before, SETTLED_FOR_US)
  }

  #keep(
    path: string,
    blocked: Fault | undefined,
    finding: Omit<RawPhaseFinding, 'condition'>,
  ): Fault | undefined {
    const condition = this.#findings.get(path)?.condition ?? this.#condition(path)
    this.#findings.set(path, { ...finding, condition })
    condition.set(blocked)
    return blocked
  }

  #condition(path: string): Condition {
    const { log, onOpen } = this.#o
    return new Condition(log, {
      ...{ begins: 'raw-phase.blocked', ends: 'raw-phase.open', over: `Pipes to ${path} are raw again` },
      about: { path },
      onChange: (blocked) => blocked === undefined && onOpen?.(),
    })
  }
}

function pathOf(edge: PipeTicket['edge'], egress: Egress): string {
  const proxy = egressFor(egress, edge)
  return proxy === undefined ? hostPort(edge) : `${hostPort(edge)} through proxy ${hostPort(proxy)}`
}

function blockedBy(path: string, raw: Fault): Fault {
  return new Fault('RAW_PHASE_BLOCKED', `${path}: pipes stay inside their outer TLS`, {
    cause: raw,
    seen: { path, raw: String(raw.seen.code ?? raw.code), wrapped: 'came through' },
  })
}
