/**
 * Applications that control asks this connector to try by itself: those of segments that are checked without pause,
 * and those that somebody used lately. Spread over time: a list of a thousand is no burst.
 *
 * @module
 */
import type { WatchedApplication } from '../../wire/control.ts'
import { GrantScope } from '../dial/grant-scope.ts'
import { type Application, type ApplicationReach, type Attempt, keyOf } from './application-reach.ts'
import { type AttemptServices, attemptWithin, whereWithin } from './attempt.ts'
import type { AddressesOf, DeepChecks } from './deep-checks.ts'

const TICK_MS = 250
/** Attempts per tick: 20 in a second, whatever control asks for. */
const BUDGET = 5

interface ProbeEntry {
  readonly application: Application
  readonly everyMs: number
  readonly attempt: Attempt
  readonly where: AddressesOf
  nextMs: number
  trying: boolean
}

export interface ProbesServices extends AttemptServices {
  readonly reach: Pick<ApplicationReach, 'probed' | 'unwatched'>
  readonly looks: Pick<DeepChecks, 'reached' | 'forget'>
}

export class Probes implements Disposable {
  readonly #services: ProbesServices
  #entries: ReadonlyMap<string, ProbeEntry> = new Map()
  #timer: NodeJS.Timeout | undefined
  /** By the list of the moment at which it is asked. */
  readonly #where: AddressesOf = async (application) =>
    (await this.#entries.get(keyOf(application))?.where(application)) ?? []

  constructor(services: ProbesServices) {
    this.#services = services
  }

  get count(): number {
    return this.#entries.size
  }

  /** Nobody is there to be told: what is watched stays as it is, until the next list. */
  pause(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** What was on the list before keeps its turn; what is new is tried as soon as its turn comes. */
  replace(list: readonly WatchedApplication[]): void {
    const before = this.#entries
    this.#entries = new Map(
      list.map((one) => {
        const { segment, host, port, everyMs } = one
        const known = before.get(keyOf(one))
        const application = { segment, host, port }
        const scope = scopeOf(one)
        const [attempt, where] = [attemptWithin(scope, this.#services), whereWithin(scope, this.#services)]
        const { nextMs = 0, trying = false } = known ?? {}
        return [keyOf(one), { application, everyMs, attempt, where, nextMs, trying }]
      }),
    )
    const { reach, looks } = this.#services
    for (const [key, { application }] of before) {
      if (this.#entries.has(key)) continue
      reach.unwatched(application)
      looks.forget(application)
    }
    if (list.length === 0) this.pause()
    else this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref()
  }

  /** A session has reached it. */
  used(application: Application): void {
    const entry = this.#entries.get(keyOf(application))
    if (entry !== undefined) this.#services.looks.reached(entry.application, 'session', this.#where)
  }

  #tick(): void {
    const nowMs = performance.now()
    let budget = BUDGET
    for (const entry of this.#entries.values()) {
      if (entry.trying || entry.nextMs > nowMs) continue
      if (budget-- === 0) return
      entry.nextMs = nowMs + entry.everyMs
      void this.#try(entry)
    }
  }

  async #try({ application, attempt }: ProbeEntry): Promise<void> {
    const current = () => this.#entries.get(keyOf(application))
    current()!.trying = true
    const fault = await attempt(application)
    // There may have been another list meanwhile: its entry goes on, or nobody wants to know any more.
    const entry = current()
    if (entry === undefined) return
    entry.trying = false
    this.#services.reach.probed(application, entry.attempt, fault)
    if (fault === undefined) this.#services.looks.reached(application, 'check', this.#where)
  }

  [Symbol.dispose](): void {
    this.pause()
    this.#entries = new Map()
  }
}

/** The same limits that sessions have: what the segment says of addresses opens special ranges, nothing else does. */
function scopeOf({ segment, segmentName, host, port, networks }: WatchedApplication): GrantScope {
  return new GrantScope({
    id: segment,
    segmentName,
    hosts: [host],
    cidrs: [],
    addressCidrs: networks,
    tcp: [[port, port]],
    udp: [],
  })
}
