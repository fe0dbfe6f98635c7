import type net from 'node:net'
import { descriptorLimit } from '../../base/descriptor-limit.ts'
import { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'

/** Kept for what the process itself opens: its way to the control plane, its status, its database, its log. */
const RESERVE = 64
/** It is said no more often than this, and counts as over when nobody was turned away for as long. */
const SAY_EVERY_MS = 60_000

/**
 * Turns new connections away while a few descriptors are left. Without it the kernel would have the event loop close
 * them as they come, in silence, and an edge could not even reach its control plane to say so.
 */
export class DescriptorReserve {
  readonly #log: Log
  readonly #hop: 'edge' | 'control'
  /** For connections. */
  readonly most: number
  #lastMs = Number.NEGATIVE_INFINITY
  #saidMs = Number.NEGATIVE_INFINITY

  /** @param limit Of the process; its own by default. */
  constructor(log: Log, hop: 'edge' | 'control', limit = descriptorLimit()) {
    this.#log = log
    this.#hop = hop
    this.most = limit - RESERVE
  }

  /** What there is to say of it now. */
  get fault(): Fault | undefined {
    return performance.now() - this.#lastMs < SAY_EVERY_MS ? this.#exhausted() : undefined
  }

  /** @throws {Fault} FD_EXHAUSTED if this connection has a number of the reserve: the kernel gives the lowest that is free. */
  admit(socket: net.Socket): void {
    const { fd = 0 } = (socket as unknown as { _handle: { fd?: number } | null })._handle ?? {}
    if (fd < this.most) return
    const nowMs = performance.now()
    this.#lastMs = nowMs
    const fault = this.#exhausted()
    if (nowMs - this.#saidMs >= SAY_EVERY_MS) {
      this.#saidMs = nowMs
      const { code, hop, seen } = fault
      this.#log.error({ event: `${hop}.descriptors`, code, hop, seen }, fault.message)
    }
    throw fault
  }

  #exhausted(): Fault {
    const most = this.most
    const detail = `${most} are in use: new connections are refused`
    return new Fault('FD_EXHAUSTED', detail, { hop: this.#hop, seen: { most } })
  }
}
