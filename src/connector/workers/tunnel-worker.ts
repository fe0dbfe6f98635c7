import type { Fault, FaultCode } from '../../base/faults.ts'
import type { TunnelTicket, TunnelWay } from '../tunnels/served-tunnels.ts'

/** What carries tunnels: this process itself, or another that it keeps. */
export interface TunnelWorker {
  readonly load: WorkerLoad
  /** As ServedTunnels.bring. */
  bring(ticket: TunnelTicket, way: TunnelWay, closed: () => void): Promise<Fault | undefined>
  /**
   * These grants are worth nothing from here on: the authority of the main process knows it.
   *
   * @param isAll Those that were told before count no more.
   * @returns how many live sessions were cut.
   */
  revoke(grants: readonly string[], detail: string, isAll: boolean): Promise<number>
  /** No new streams. Resolves when what is open now is known here. */
  drain(): Promise<void>
  close(code: FaultCode, detail: string): Promise<void>
}

export interface WorkerLoad {
  /** It does what it is asked to. */
  readonly isWell: boolean
  /** It runs; one that is being started does not yet. */
  readonly hasBegun: boolean
  /** Over the last second. */
  readonly bytesPerSecond: number
  readonly sessions: number
}
