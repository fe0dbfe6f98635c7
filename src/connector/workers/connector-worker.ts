/**
 * A process of a connector that carries tunnels: dials edges and applications by itself, verifies grants by itself, and
 * tells the main process what happens.
 *
 * @module
 */
import { KnownKeys, type SignedKeySet } from '../../agent/identity/known-keys.ts'
import type { Fault, FaultCode } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { faultFromMessage, faultToMessage } from '../../link/control/fault-message.ts'
import { ServerClock } from '../../link/control/server-clock.ts'
import { shareBudgets } from '../../mux/byte-budget.ts'
import type { HalfMode } from '../../wire/handover.ts'
import { GrantAuthority } from '../sessions/tunnel-grants.ts'
import { ServedTunnels, type TunnelTicket, type TunnelWay } from '../tunnels/served-tunnels.ts'
import type { ConnectorShares } from '../tunnels/shares.ts'
import { WorkerServices } from '../tunnels/worker-services.ts'
import { AskedNames } from './asked-names.ts'
import { SessionTeller } from './session-teller.ts'
import { SHARED_POOLS, type SharedPools, type WorkerMessage, type WorkerOrder } from './worker-messages.ts'

const LOAD_MS = 500

/** @param told Called when it has left this process. */
type TellMain = (news: WorkerMessage, told?: () => void) => void

export class ConnectorWorker {
  readonly #tell: TellMain
  readonly #log: Log
  readonly #clock = new ServerClock()
  readonly #known: KnownKeys
  readonly #authority: GrantAuthority
  readonly #names: AskedNames
  readonly #teller: SessionTeller
  readonly #services: WorkerServices
  readonly #tunnels: ServedTunnels
  readonly #examined = new Map<number, (fault: Fault | undefined) => void>()
  #way: TunnelWay | undefined
  #keysTaken: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  /** @param shares Tests give their own. */
  constructor(tell: TellMain, log: Log, shares?: ConnectorShares) {
    this.#tell = tell
    this.#log = log
    this.#known = new KnownKeys({ purpose: 'grant', log })
    this.#authority = new GrantAuthority(this.#known)
    this.#names = new AskedNames((id, host, by) => tell({ is: 'resolve', id, host, by }))
    this.#teller = new SessionTeller((text) => tell({ is: 'batch', text }))
    this.#services = new WorkerServices({
      clock: this.#clock,
      log,
      authority: this.#authority,
      resolver: this.#names,
      witness: this.#teller,
      shares,
    })
    this.#tunnels = new ServedTunnels(this.#services)
  }

  /** @returns when all is over, of the order to close. */
  take(order: WorkerOrder): Promise<void> | undefined {
    switch (order.do) {
      case 'start':
        shareBudgets(order.of)
        this.#clock.set(order.skewMs)
        if (order.keys !== undefined) this.#takeKeys(order.keys)
        this.#authority.revoke(order.revoked, this.#clock.nowMs())
        this.#timer = setInterval(() => this.#tellLoad(), LOAD_MS)
        this.#tellLoad()
        return undefined
      case 'tick':
        this.#clock.set(order.skewMs)
        this.#holdElsewhere(order.elsewhere)
        return undefined
      case 'keys':
        this.#takeKeys(order.keys)
        return undefined
      case 'way':
        this.#way = order.way
        return undefined
      case 'bring':
        void this.#bring(order.id, order.ticket, order.mode)
        return undefined
      case 'examined':
        this.#examined.get(order.id)?.(order.fault && faultFromMessage(order.fault))
        return undefined
      case 'revoke':
        this.#revoke(order)
        return undefined
      case 'resolved':
        this.#names.resolved(order.id, order.found)
        return undefined
      case 'taken':
        this.#teller.taken()
        return undefined
      case 'drain':
        this.#tunnels.drain()
        this.#teller.tellAll()
        this.#tell({ is: 'drained', id: order.id })
        return undefined
      case 'close':
        return this.#close(order.code, order.detail)
    }
  }

  async #bring(id: number, ticket: TunnelTicket, mode: HalfMode): Promise<void> {
    await this.#keysTaken
    const rawPhase = { mode: () => mode, examine: () => this.#examine(id) }
    const fault = await this.#tunnels.bring(ticket, { ...this.#way!, rawPhase }, () =>
      this.#tell({ is: 'closed', id }),
    )
    this.#tell({ is: 'brought', id, fault: fault && faultToMessage(fault) })
  }

  /** The main process knows the paths, and tries one for all. */
  #examine(id: number): Promise<Fault | undefined> {
    const { promise, resolve } = Promise.withResolvers<Fault | undefined>()
    this.#examined.set(id, resolve)
    this.#tell({ is: 'examine', id })
    return promise.finally(() => this.#examined.delete(id))
  }

  /** As `followsKeys` does: what was verified in the main process is verified here. */
  #takeKeys({ jws, identity, rootPem }: SignedKeySet): void {
    const refused = () =>
      this.#log.error({ event: 'keys.unused' }, 'The keys that the main process uses are refused here')
    this.#keysTaken = this.#known.change(jws, { identity, rootPem }, refused)
  }

  #revoke({ id, grants, detail, isAll }: WorkerOrder & { readonly do: 'revoke' }): void {
    const nowMs = this.#clock.nowMs()
    if (isAll) this.#authority.replaceRevoked(grants, nowMs)
    else this.#authority.revoke(grants, nowMs)
    const sessions = this.#services.active.cut(grants, detail)
    this.#tell({ is: 'cut', id, sessions })
  }

  #holdElsewhere(elsewhere: SharedPools): void {
    for (const name of SHARED_POOLS) this.#services.shares[name].elsewhere(elsewhere[name])
  }

  #tellLoad(told?: () => void): void {
    const { shares, active } = this.#services
    const { totals } = this.#authority
    const [sessions, dials, udpPorts] = SHARED_POOLS.map((name) => shares[name].told())
    const held = { sessions: sessions!, dials: dials!, udpPorts: udpPorts! }
    const grants = { grantsVerified: totals.verified, grantsRefused: totals.refusedBy.told }
    this.#tell({ is: 'load', sessions: active.count, held, ...grants, ...this.#teller.figures() }, told)
  }

  async #close(code: FaultCode, detail: string): Promise<void> {
    await this.#tunnels.close(code, detail)
    clearInterval(this.#timer)
    this.#teller.tellAll()
    this.#services[Symbol.dispose]()
    await new Promise<void>((told) => this.#tellLoad(told))
  }
}
