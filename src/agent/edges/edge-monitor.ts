/**
 * How far the edges are from an agent, measured every minute and told to the control plane; and whether the one in use
 * is the one it should be.
 *
 * @module
 */

import { systemClock } from '../../base/clock.ts'
import { Condition } from '../../base/condition.ts'
import { asFault, Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { faultToMessage, listedFault } from '../../link/control/fault-message.ts'
import type { EdgeAddress } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import { type FarEdge, judgeEdge, ms } from '../../policy/edge-choice.ts'
import type { AgentMessage, SeenEdge } from '../../wire/control.ts'
import type { EdgeCache } from './edge-cache.ts'
import { type Distance, measureEdge } from './edge-survey.ts'

const LOOK_MS = 10_000
/** While a nearer edge is not used, somebody may be repairing the way to it: every look is one then. */
const SURVEY_AT_LOOKS = 6
/** An edge that took a half of a pipe which led nowhere carries no other for this long, however well it answers. */
const NOWHERE_US = 120_000_000

export interface EdgeMonitorOptions {
  readonly cache: EdgeCache
  /** An edge that somebody has set by hand, and where: there is no choice then. */
  readonly pinned?: { readonly edge: EdgeAddress; readonly by: string }
  readonly egress: () => Egress
  readonly log: Log
  readonly send: (message: AgentMessage) => void
  /** Why it is not gone to for now, although it may answer. */
  readonly heldBack: (edge: EdgeAddress) => Fault | undefined
  /** All edges have been measured. */
  readonly onSurveyed: () => void
}

/** One edge, for the status document. */
export interface EdgeReport {
  readonly id: string
  readonly name: string
  readonly region: string
  readonly host: string
  readonly port: number
  readonly inUse: boolean
  readonly rttUs?: number
  /** How far it was when it last answered, where it does not now. */
  readonly knownRttUs?: number
  /** Why it cannot be used. */
  readonly fault?: SeenEdge['fault']
}

export class EdgeMonitor implements Disposable {
  /** The edge that the control connection came in by, while it is up. */
  inUse: string | undefined
  readonly #o: EdgeMonitorOptions
  readonly #stop = new AbortController()
  readonly #timer: NodeJS.Timeout
  /** By edge id, of now. */
  readonly #distances = new Map<string, Distance>()
  /** By edge id: it answers, and pipes over it lead nowhere. */
  readonly #nowhere = new Map<string, { readonly atUs: number; readonly fault: Fault }>()
  #surveying: Promise<void> | undefined
  #again = false
  #looks = 0
  readonly #far: Condition

  constructor(options: EdgeMonitorOptions) {
    this.#o = options
    this.#far = new Condition(options.log, {
      begins: 'edge.far',
      ends: 'edge.near',
      over: 'No nearer unused edge is known any more',
    })
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
  }

  /** EDGE_FAR, while a nearer edge is known that is not used. */
  get far(): Fault | undefined {
    return this.#far.fault
  }

  /** As measured last. */
  rttUs(id: string): number | undefined {
    const distance = this.#distances.get(id)
    return distance && 'rttUs' in distance ? distance.rttUs : undefined
  }

  /** A half could not be brought there: control should choose another edge for the next pipe. */
  lost(id: string, fault: Fault): void {
    this.#distances.set(id, { fault })
    this.tell()
    this.#judge()
  }

  /**
   * The same where it took the half: that it can be connected to proves nothing. The control connection may stay there:
   * it shows by itself whether it is carried.
   */
  ledNowhere(id: string, fault: Fault): void {
    this.#nowhere.set(id, { atUs: systemClock.monotonicUs(), fault })
    if (!this.#distances.has(id)) this.#distances.set(id, { fault })
    this.tell()
    this.#judge()
  }

  /** Why no pipe is to go over this edge for now, although it answers. */
  nowhere(id: string): Fault | undefined {
    const met = this.#nowhere.get(id)
    if (met === undefined || systemClock.monotonicUs() - met.atUs < NOWHERE_US) return met?.fault
    this.#nowhere.delete(id)
    return undefined
  }

  /** What was measured, if anything was. */
  tell(): void {
    if (this.#distances.size === 0) return
    const seen = [...this.#distances].map(([edge, distance]): SeenEdge => {
      const fault = this.nowhere(edge) ?? ('fault' in distance ? distance.fault : undefined)
      if (fault !== undefined) return { edge, fault: listedFault(fault) }
      return 'rttUs' in distance ? { edge, rttUs: distance.rttUs } : { edge }
    })
    this.#o.send({ type: 'edges', seen })
  }

  /** One at a time; asked for meanwhile, there is one more: what was measured before may no longer be so. */
  survey(): void {
    if (this.inUse === undefined || this.#stop.signal.aborted) return
    if (this.#surveying !== undefined) {
      this.#again = true
      return
    }
    this.#surveying = this.#measureAll()
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return
        this.#o.log.error({ event: 'edges.unmeasured', err: error }, asFault(error).message)
      })
      .finally(() => {
        this.#surveying = undefined
        if (!this.#again) return
        this.#again = false
        this.survey()
      })
  }

  report(): EdgeReport[] {
    const { cache, heldBack } = this.#o
    return cache.edges.map(({ id, name, region, host, port, out }) => {
      const distance = this.#distances.get(id)
      const rttUs = this.rttUs(id)
      const failed = distance && 'fault' in distance ? distance.fault : undefined
      const held = failed ?? heldBack({ host, port }) ?? this.nowhere(id)
      const fault = out === undefined ? held : outFault(name, out)
      return {
        ...{ id, name, region, host, port, inUse: id === this.inUse, rttUs },
        knownRttUs: rttUs === undefined ? cache.reachedUs(id) : undefined,
        fault: fault && faultToMessage(fault),
      }
    })
  }

  [Symbol.dispose](): void {
    this.#far[Symbol.dispose]()
    clearInterval(this.#timer)
    this.#stop.abort(new Fault('TUNNEL_LOST', 'this agent is stopping'))
  }

  #look(): void {
    this.#looks = (this.#looks + 1) % SURVEY_AT_LOOKS
    if (this.#looks === 0 || this.far !== undefined) this.survey()
  }

  async #measureAll(): Promise<void> {
    const { cache, pinned, egress } = this.#o
    const found = await Promise.all(
      cache.edges.map(async (edge) => {
        const at = pinned !== undefined && edge.id === this.inUse ? pinned.edge : edge
        return { edge, distance: await measureEdge(at, { egress: egress(), signal: this.#stop.signal }) }
      }),
    )
    this.#distances.clear()
    for (const { edge, distance } of found) {
      this.#distances.set(edge.id, distance)
      if ('rttUs' in distance) cache.reached(edge.id, distance.rttUs)
    }
    this.tell()
    this.#judge()
    this.#o.onSurveyed()
  }

  /** Says when it begins and ends that a far edge is used. */
  #judge(): void {
    const { pinned, cache } = this.#o
    if (this.inUse === undefined) return
    const edges = this.report().map(({ fault, ...edge }) => ({
      ...edge,
      code: fault && `${fault.code}: ${fault.detail}`,
    }))
    const found = judgeEdge(edges, this.inUse, { region: cache.region, pinned: pinned?.by })
    this.#far.set(found && farFault(found))
  }
}

function farFault({ chosen, nearer }: FarEdge): Fault {
  const away = chosen.rttUs === undefined ? 'not measured' : ms(chosen.rttUs)
  const reasons = nearer.map(({ edge, because }) => {
    const us = edge.rttUs ?? edge.knownRttUs
    return `${edge.name} (${us === undefined ? `region ${edge.region}` : ms(us)}): ${because}`
  })
  return new Fault('EDGE_FAR', `${chosen.name} is used, ${away} away; not used: ${reasons.join('; ')}`, {
    seen: { chosen: `${chosen.name} (${away})`, nearer: reasons },
  })
}

function outFault(name: string, out: 'draining' | 'away'): Fault {
  return out === 'draining'
    ? new Fault('EDGE_DRAINING', `edge ${name} is stopping`)
    : new Fault('EDGE_UNREACHABLE', `edge ${name} is not connected to the control plane`)
}
