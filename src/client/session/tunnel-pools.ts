/**
 * The tunnels of this client, some to each connector. Two or more per connector, so that a bulk transfer in one
 * does not delay what is typed in the other; one more is opened ahead when none of them is idle.
 *
 *     opening --> usable --GOAWAY, renewed certificate--> retired --last session--> closed
 *                    +--lost--> closed, and the pool refills while the connector is in use
 *
 * @module
 */
import { backoffMs } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import { asFault, Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { PipeTicket } from '../../wire/control.ts'
import type { Reset } from '../../wire/open.ts'
import type { ClientTunnel } from './client-tunnel.ts'

export interface TunnelPoolsOptions {
  readonly log: Log
  readonly clock: Clock
  /** Held open to each connector in use. */
  readonly target: number
  /** Brings this client's half and does the end-to-end handshake. */
  readonly bring: (
    connector: string,
    pipe: PipeTicket,
    events: TunnelEvents,
    signal: AbortSignal,
  ) => Promise<ClientTunnel>
  /** Asks for another pipe to a connector that a live grant names. */
  readonly wantPipe: (connector: string, session: string) => Promise<PipeTicket>
  /** No tunnel to this connector is left, or it drains: a session should ask which connector to take. */
  readonly lost: (connector: string) => void
  /** Id for a pipe that no session asked for. */
  readonly newSession: () => string
}

export interface TunnelEvents {
  goaway(why: Reset): void
  closed(why: Fault | undefined): void
}

interface TunnelPool {
  readonly tunnels: ClientTunnel[]
  readonly opening: Set<Promise<ClientTunnel>>
  failures: number
  retryUs: number
  lastUsedUs: number
  /** The tunnel of the latest session, and since when. */
  picked: ClientTunnel | undefined
  pickedUs: number
}

const MAX_PER_CONNECTOR = 8
/** A connector nobody has used for this long needs no tunnel. */
const CONNECTOR_IDLE_US = 600_000_000
/** An empty tunnel beyond the target is kept this long: bursts come back. */
const SPARE_IDLE_US = 60_000_000
const TEND_EVERY_MS = 1000
/** Sessions that open as close together as this share a tunnel, up to so many, and so its writes. */
const TOGETHER_US = 20_000
const TOGETHER = 64

export class TunnelPools implements AsyncDisposable {
  readonly #o: TunnelPoolsOptions
  readonly #pools = new Map<string, TunnelPool>()
  readonly #stop = new AbortController()
  readonly #timer: NodeJS.Timeout
  #tendSoon = false

  constructor(options: TunnelPoolsOptions) {
    this.#o = options
    this.#timer = setInterval(() => this.#tend(), TEND_EVERY_MS).unref()
  }

  *all(): Iterable<ClientTunnel> {
    for (const pool of this.#pools.values()) yield* pool.tunnels
  }

  /** Connectors that a session could reach now without another pipe, or soon. */
  connectors(): string[] {
    return [...this.#pools].flatMap(([id, pool]) =>
      pool.opening.size > 0 || pool.tunnels.some((tunnel) => tunnel.usable) ? [id] : [],
    )
  }

  /**
   * The tunnel in which a new session waits least. Those that come together stay together while it is not busy: frames of
   * one tunnel leave in one write. Synchronous: this is the path of every session.
   */
  pick(connector: string): ClientTunnel | undefined {
    const pool = this.#pools.get(connector)
    if (pool === undefined) return undefined
    const nowUs = this.#o.clock.monotonicUs()
    pool.lastUsedUs = nowUs
    let best: ClientTunnel | undefined
    let bestCost = Number.POSITIVE_INFINITY
    let idle = false
    const last = nowUs - pool.pickedUs < TOGETHER_US ? pool.picked : undefined
    for (const tunnel of pool.tunnels) {
      if (!tunnel.usable) continue
      idle ||= tunnel.idle
      const together = tunnel === last && tunnel.sessions.size < TOGETHER
      const cost = (together ? 0 : tunnel.sessions.size + 1) + (tunnel.busy ? 1_000_000 : 0)
      if (cost < bestCost) {
        best = tunnel
        bestCost = cost
      }
    }
    if (!idle && !this.#tendSoon) {
      this.#tendSoon = true
      setImmediate(() => this.#tend())
    }
    pool.picked = best
    pool.pickedUs = nowUs
    return best
  }

  /**
   * Takes the pipe that came with a grant, or one of the tunnels there are, if that is enough of them. Rejects with the
   * Fault of the hop that failed.
   */
  take(connector: string, pipe: PipeTicket): Promise<ClientTunnel> {
    const { tunnels, opening } = this.#pool(connector)
    const usable = tunnels.filter((tunnel) => tunnel.usable).length
    if (usable + opening.size >= MAX_PER_CONNECTOR) return this.ready(connector, this.#o.newSession())
    return this.#open(connector, async () => pipe)
  }

  /** A tunnel as soon as there is one: the first that is being opened, else a new one. */
  ready(connector: string, session: string): Promise<ClientTunnel> {
    const open = this.pick(connector)
    if (open !== undefined) return Promise.resolve(open)
    const [opening] = this.#pool(connector).opening
    return opening ?? this.#open(connector, () => this.#o.wantPipe(connector, session))
  }

  /** Those open go on with what they carry; new sessions get new tunnels. */
  retire(which: (tunnel: ClientTunnel) => boolean = () => true): void {
    for (const tunnel of this.all()) if (which(tunnel)) tunnel.retired = true
    this.#tend()
  }

  #pool(connector: string): TunnelPool {
    let pool = this.#pools.get(connector)
    if (pool === undefined) {
      const nowUs = this.#o.clock.monotonicUs()
      pool = {
        tunnels: [],
        opening: new Set(),
        failures: 0,
        retryUs: 0,
        lastUsedUs: nowUs,
        picked: undefined,
        pickedUs: 0,
      }
      this.#pools.set(connector, pool)
    }
    return pool
  }

  #open(connector: string, pipe: () => Promise<PipeTicket>): Promise<ClientTunnel> {
    const pool = this.#pool(connector)
    const opening = this.#bring(connector, pool, pipe)
    pool.opening.add(opening)
    const settled = () => pool.opening.delete(opening)
    opening.then(settled, settled)
    return opening
  }

  async #bring(connector: string, pool: TunnelPool, pipe: () => Promise<PipeTicket>): Promise<ClientTunnel> {
    let tunnel: ClientTunnel | undefined
    try {
      tunnel = await this.#o.bring(
        connector,
        await pipe(),
        {
          goaway: (why) => this.#goaway(connector, pool, tunnel, why),
          closed: (why) => this.#closed(connector, pool, tunnel, why),
        },
        this.#stop.signal,
      )
      if (tunnel.mux.closed) throw new Fault('TUNNEL_LOST', `the tunnel to ${connector} closed as it opened`)
    } catch (error) {
      const fault = asFault(error, 'TUNNEL_LOST')
      const waitMs = backoffMs(pool.failures++, { baseMs: 500 })
      pool.retryUs = this.#o.clock.monotonicUs() + waitMs * 1000
      if (!this.#stop.signal.aborted) {
        const { code, hop, detail, seen } = fault
        this.#o.log.warn(
          { event: 'tunnel.failed', connector, code, hop, seen },
          `no tunnel to ${connector}: ${code}: ${detail}`,
        )
      }
      throw fault
    }
    pool.failures = 0
    pool.tunnels.push(tunnel)
    const { facts } = tunnel
    this.#o.log.info(
      { event: 'tunnel.open', ...facts, tunnels: pool.tunnels.length },
      `tunnel ${pool.tunnels.length} to ${connector} through ${facts.edge}: handover ${facts.handoverUs} µs, TLS ${facts.innerTlsUs} µs`,
    )
    if (pool.tunnels.length < this.#o.target) setImmediate(() => this.#tend())
    return tunnel
  }

  #goaway(connector: string, pool: TunnelPool, tunnel: ClientTunnel | undefined, why: Reset): void {
    this.#o.log.info(
      { event: 'tunnel.goaway', connector, ...why },
      `${connector}: ${why.code}: ${why.detail}`,
    )
    if (tunnel !== undefined) tunnel.retired = true
    if (why.code === 'CONNECTOR_DRAINING') {
      // It will take no other tunnel either: sessions go where the control plane sends them.
      for (const other of pool.tunnels) other.retired = true
      pool.lastUsedUs = Number.NEGATIVE_INFINITY
      this.#o.lost(connector)
    }
    this.#tend()
  }

  #closed(
    connector: string,
    pool: TunnelPool,
    tunnel: ClientTunnel | undefined,
    why: Fault | undefined,
  ): void {
    const at = tunnel === undefined ? -1 : pool.tunnels.indexOf(tunnel)
    if (at === -1) return
    pool.tunnels.splice(at, 1)
    if (this.#stop.signal.aborted) return
    const fields = { event: 'tunnel.closed', connector, pipe: tunnel!.facts.pipe, code: why?.code }
    if (why === undefined) this.#o.log.info(fields, `tunnel to ${connector} closed`)
    else this.#o.log.warn(fields, `tunnel to ${connector} lost: ${why.code}: ${why.detail}`)
    if (!pool.tunnels.some((other) => other.usable)) this.#o.lost(connector)
    this.#tend()
  }

  /** Closes what is not needed and opens, one at a time, what soon will be. */
  #tend(): void {
    this.#tendSoon = false
    if (this.#stop.signal.aborted) return
    const nowUs = this.#o.clock.monotonicUs()
    for (const [connector, pool] of this.#pools) {
      const inUse =
        nowUs - pool.lastUsedUs < CONNECTOR_IDLE_US || pool.tunnels.some((t) => t.sessions.size > 0)
      const usable = pool.tunnels.filter((tunnel) => tunnel.usable)
      const target = inUse ? this.#o.target : 0
      let spare = usable.length - target
      for (const tunnel of pool.tunnels.slice()) {
        if (tunnel.sessions.size > 0) continue
        const unneeded = spare > 0 && nowUs - tunnel.lastUsedUs > SPARE_IDLE_US
        if (!tunnel.usable || unneeded) {
          if (tunnel.usable) spare--
          tunnel.mux.close('TUNNEL_LOST', 'no longer needed')
        }
      }
      const idle = usable.some((tunnel) => tunnel.idle)
      const want = Math.min(MAX_PER_CONNECTOR, Math.max(target, inUse && !idle ? usable.length + 1 : 0))
      // After the last one is lost a session asks control first, which may choose another connector.
      const refill =
        usable.length > 0 && usable.length < want && pool.opening.size === 0 && nowUs >= pool.retryUs
      if (refill)
        this.#open(connector, () => this.#o.wantPipe(connector, this.#o.newSession())).catch(() => {})
      else if (!inUse && pool.tunnels.length === 0 && pool.opening.size === 0) this.#pools.delete(connector)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#stop.abort(new Fault('TUNNEL_LOST', 'the client is stopping', { hop: 'client' }))
    const pools = [...this.#pools.values()]
    await Promise.allSettled(pools.flatMap((pool) => [...pool.opening]))
    await Promise.all([...this.all()].map((tunnel) => tunnel.mux[Symbol.asyncDispose]()))
  }
}
