/**
 * Which edge an agent is at: the nearest that answers, the next one when it dies, back again when that is worth it.
 *
 *     welcome: the list --> measured, every 60 s --> told to control --> clearly nearer, and idle: moved
 *     lost, or not reached --> held back, the next nearest at once --> all tried: a pause, and over again
 *
 * @module
 */
import { type Clock, systemClock } from '../../base/clock.ts'
import type { Fault, FaultCode } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { ELSEWHERE_MS } from '../../base/patience.ts'
import type { EdgeAddress } from '../../link/dial/credentials.ts'
import { ms, nearestEdge } from '../../policy/edge-choice.ts'
import type { KnownEdge, PipeTicket, WelcomeMessage } from '../../wire/control.ts'
import { EdgeMonitor, type EdgeMonitorOptions, type EdgeReport } from './edge-monitor.ts'
import { SecondPort } from './second-port.ts'

/** How often it is looked whether a move that is due can be made. */
const MOVE_LOOK_MS = 1000
/** Between two moves: what moves to and fro serves nobody. */
const SETTLE_US = 60_000_000
/** A move that waits for a quiet moment waits this long. */
const IMPATIENT_US = 600_000_000
/** An edge that failed is not moved to for this long, however near it is. */
const HOLD_US = 120_000_000

/** Faults of the way to one edge: another may be reached. */
const OF_THE_WAY: ReadonlySet<FaultCode> = new Set([
  ...(['EDGE_NAME_NXDOMAIN', 'RESOLVER_UNREACHABLE', 'EGRESS_BLOCKED', 'EGRESS_REJECTED'] as const),
  ...(['EDGE_UNREACHABLE', 'EDGE_DRAINING', 'EDGE_BUSY', 'TLS_INTERCEPTED'] as const),
  ...(['PIN_MISMATCH', 'EDGE_CERT_EXPIRED'] as const),
  ...(['PROXY_UNREACHABLE', 'PROXY_REFUSED', 'PROXY_AUTH'] as const),
])

/** No connection at all: one that is made proves that it is over. */
const UNCONNECTED: ReadonlySet<FaultCode> = new Set([
  ...(['EDGE_NAME_NXDOMAIN', 'RESOLVER_UNREACHABLE', 'EGRESS_BLOCKED', 'EGRESS_REJECTED'] as const),
  ...(['PROXY_UNREACHABLE', 'PROXY_REFUSED', 'PROXY_AUTH'] as const),
])

/** Was it the way to this edge, so that another edge may do? */
export function isOfTheWay({ code }: Fault): boolean {
  return OF_THE_WAY.has(code)
}

export interface EdgeRouteOptions extends Omit<EdgeMonitorOptions, 'onSurveyed' | 'heldBack'> {
  /** Of the key or the profile: where the agent goes before it knows any other. */
  readonly first: EdgeAddress
  /** Leave the edge in use: the next dial asks where to. */
  readonly move: () => void
  /** An edge is being stopped: what is open there will not last. */
  readonly onDraining?: (edge: string) => void
  /** Nothing is under way that a move would disturb. */
  readonly isIdle: () => boolean
  readonly clock?: Clock
  /** A second port for control connections that somebody has set by hand; else that of the list. */
  readonly controlPort?: number
}

export class EdgeRoute implements Disposable {
  readonly #o: EdgeRouteOptions
  readonly #clock: Clock
  readonly #monitor: EdgeMonitor
  readonly #timer: NodeJS.Timeout
  /** By HOST:PORT, when the control connection there failed, and how. */
  readonly #failed = new Map<string, { readonly atUs: number; readonly fault: Fault }>()
  readonly #tried = new Set<string>()
  #target: EdgeAddress
  #movedUs: number | undefined
  #wantedUs: number | undefined
  readonly #second: SecondPort

  constructor(options: EdgeRouteOptions) {
    this.#o = options
    this.#clock = options.clock ?? systemClock
    this.#target = options.pinned?.edge ?? options.first
    this.#monitor = new EdgeMonitor({
      ...options,
      onSurveyed: () => this.#surveyed(),
      heldBack: (edge) => this.#failure(edge)?.fault,
    })
    this.#second = new SecondPort(options)
    this.#timer = setInterval(() => this.#moveIfDue(), MOVE_LOOK_MS).unref()
  }

  /** Where the control connection is, or is being made. */
  get address(): EdgeAddress {
    return this.#target
  }

  /** What is wrong with the way though it is one: EDGE_FAR, CONTROL_PORT_BLOCKED. */
  get notes(): Fault[] {
    return [this.#monitor.far, this.#second.blocked].filter((note) => note !== undefined)
  }

  /** What became of the second port of the edge that was dialled last. */
  secondPort(fault: Fault | undefined): void {
    this.#second.tried(fault)
  }

  /** For the next dial. */
  next(): EdgeAddress {
    const candidates = this.#candidates()
    const fresh = candidates.find((edge) => !this.#tried.has(hostPort(edge)))
    if (fresh === undefined) this.#tried.clear()
    this.#target = fresh ?? candidates[0]!
    this.#tried.add(hostPort(this.#target))
    this.#target = this.#second.to(this.#target)
    return this.#target
  }

  /**
   * For a dial that is silent; undefined: as ever, also where all edges failed lately: it may be that none can be
   * reached faster, behind a resolver whose first server is silent, or on a slow link.
   */
  get patienceMs(): number | undefined {
    const here = hostPort(this.#target)
    const others = this.#candidates().filter((edge) => hostPort(edge) !== here)
    return others.some((edge) => this.#failure(edge) === undefined) ? ELSEWHERE_MS : undefined
  }

  /** The dial failed, or the connection was lost. @returns whether another edge is to be tried at once. */
  failed(fault: Fault): boolean {
    this.#monitor.inUse = undefined
    // What the control plane itself says, it says at every edge.
    if (fault.hop !== 'edge' && fault.code !== 'CONTROL_UNREACHABLE') return false
    const key = hostPort(this.#target)
    this.#failed.set(key, { atUs: this.#clock.monotonicUs(), fault })
    this.#tried.add(key)
    return this.#candidates().some((edge) => !this.#tried.has(hostPort(edge)))
  }

  /** Connected: the list and the edge in use are known anew. @param address What the name of the edge led to. */
  up(welcome: WelcomeMessage, address?: string): void {
    this.#monitor.inUse = welcome.edge.id
    this.#tried.clear()
    this.#failed.delete(hostPort(this.#target))
    this.#learn(welcome.edges ?? [], { region: welcome.region ?? '', group: welcome.group })
    if (address !== undefined) this.#o.cache.workedAt(welcome.edge.id, address)
    // What was measured a moment ago still holds; where nothing was, the first survey says it.
    this.#monitor.tell()
    this.#monitor.survey()
  }

  /** The control plane has said that edges came or went. */
  learn(edges: readonly KnownEdge[]): void {
    this.#learn(edges)
    this.#monitor.survey()
  }

  /** A half could not be brought: where that was the way to its edge, control should choose another next. */
  pipeFailed(id: string, fault: Fault): void {
    if (isOfTheWay(fault) && this.#o.cache.edge(id) !== undefined) this.#monitor.lost(id, fault)
  }

  /**
   * A pipe both ends of which wanted it led nowhere. Whatever its edge said of it: one that is broken, or somebody else's,
   * takes halves and joins none, and would be the nearest for good.
   *
   * @returns whether there is another edge to go by.
   */
  pipeLost(id: string, fault: Fault): boolean {
    const { cache } = this.#o
    if (cache.edge(id) === undefined) return false
    if (isOfTheWay(fault)) this.#monitor.lost(id, fault)
    else this.#monitor.ledNowhere(id, fault)
    return cache.edges.some(
      (edge) => edge.id !== id && edge.out === undefined && this.#monitor.nowhere(edge.id) === undefined,
    )
  }

  /** Where a half is really brought to: an edge that was set by hand, or one with fixed addresses. */
  reroute(pipe: PipeTicket): PipeTicket {
    const { pinned, cache } = this.#o
    const known = cache.edge(pipe.edge.id)
    const { id } = pipe.edge
    const to = pinned !== undefined && id === this.#monitor.inUse ? pinned.edge : known
    if (to === undefined) return pipe
    const edge = { id, host: to.host, port: to.port, addresses: to.addresses }
    return { ...pipe, edge }
  }

  report(): EdgeReport[] {
    return this.#monitor.report()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#second[Symbol.dispose]()
    this.#monitor[Symbol.dispose]()
  }

  #learn(edges: readonly KnownEdge[], place?: { region: string; group?: string }): void {
    this.#o.cache.learn(edges, place)
    for (const { id, out } of edges) if (out === 'draining') this.#o.onDraining?.(id)
  }

  /** Those to dial, the best first: near ones, then those never measured, then those that failed lately. */
  #candidates(): EdgeAddress[] {
    const { pinned, cache, first } = this.#o
    if (pinned !== undefined) return [pinned.edge]
    const known = cache.edges.filter(({ out }) => out === undefined)
    const listed: readonly (EdgeAddress & { id?: string })[] = known
    const all = listed.some((edge) => hostPort(edge) === hostPort(first)) ? listed : [...listed, first]
    const rank = (edge: EdgeAddress & { id?: string }): [failed: number, rttUs: number] => {
      const { id } = edge
      const rttUs = id === undefined ? undefined : (this.#monitor.rttUs(id) ?? cache.reachedUs(id))
      return [this.#failure(edge)?.atUs ?? 0, rttUs ?? Number.MAX_SAFE_INTEGER]
    }
    return [...all].sort((a, b) => {
      const [failedA, rttA] = rank(a)
      const [failedB, rttB] = rank(b)
      return failedA - failedB || rttA - rttB
    })
  }

  /** While it is held back for it. */
  #failure(edge: EdgeAddress): { readonly atUs: number; readonly fault: Fault } | undefined {
    const failure = this.#failed.get(hostPort(edge))
    const over = failure === undefined || this.#clock.monotonicUs() - failure.atUs > HOLD_US
    return over ? undefined : failure
  }

  /** An edge that could not be connected to, and can be now, is held back no more. */
  #surveyed(): void {
    this.#second.lookAgain(this.#target)
    for (const edge of this.#o.cache.edges) {
      const code = this.#failure(edge)?.fault.code
      const answers = this.#monitor.rttUs(edge.id) !== undefined
      if (answers && code !== undefined && UNCONNECTED.has(code)) this.#failed.delete(hostPort(edge))
    }
    this.#moveIfDue()
  }

  #moveIfDue(): void {
    const { pinned, cache, isIdle, log, move } = this.#o
    const { inUse } = this.#monitor
    if (inUse === undefined || pinned !== undefined) return
    const able = cache.edges
      .filter((edge) => edge.out === undefined && (edge.id === inUse || this.#failure(edge) === undefined))
      .map(({ id, name }) => ({ id, name, rttUs: this.#monitor.rttUs(id) }))
    const best = nearestEdge(able, inUse)
    if (best === undefined || best.id === inUse) {
      this.#wantedUs = undefined
      return
    }
    const nowUs = this.#clock.monotonicUs()
    this.#wantedUs ??= nowUs
    if (this.#movedUs !== undefined && nowUs - this.#movedUs < SETTLE_US) return
    if (!isIdle() && nowUs - this.#wantedUs < IMPATIENT_US) return
    this.#movedUs = nowUs
    this.#wantedUs = undefined
    const fields = { event: 'edge.moving', from: inUse, to: best.id, rttUs: best.rttUs }
    log.info(fields, `Moving to edge ${best.name}, ${ms(best.rttUs!)} away`)
    this.#tried.clear()
    move()
  }
}
