/**
 * Bytes that may be in use for one purpose, in one tunnel and in the whole process. A tunnel never takes more than is
 * left in the process: what it leaves is for the next one.
 */
export class ByteBudget {
  #limitBytes: number
  readonly #parent: ByteBudget | undefined
  usedBytes = 0

  constructor(limitBytes: number, parent?: ByteBudget) {
    this.#limitBytes = limitBytes
    this.#parent = parent
  }

  get #mostBytes(): number {
    if (this.#parent === undefined) return this.#limitBytes
    return Math.min(this.#limitBytes, this.#parent.#limitBytes - this.#parent.usedBytes)
  }

  /** It is one of so many processes that share what there is. */
  shareAmong(processes: number, leastBytes: number): void {
    this.#limitBytes = Math.max(leastBytes, Math.floor(this.#limitBytes / processes))
  }

  /** Takes `bytes` if they fit here and in the parent. */
  tryTake(bytes: number): boolean {
    if (this.usedBytes + bytes > this.#mostBytes || this.#parent?.tryTake(bytes) === false) return false
    this.usedBytes += bytes
    return true
  }

  /** Counts bytes that are there whether they fit or not. */
  add(bytes: number): void {
    this.usedBytes += bytes
    this.#parent?.add(bytes)
  }

  give(bytes: number): void {
    this.add(-bytes)
  }

  get exceeded(): boolean {
    return this.usedBytes > this.#mostBytes || this.#parent?.exceeded === true
  }
}

const MIB = 1_048_576

/** Windows beyond INITIAL_WINDOW that all tunnels together have promised to peers. */
export const PROCESS_WINDOWS = new ByteBudget(256 * MIB)
export const TUNNEL_WINDOWS_BYTES = 64 * MIB

/** User bytes that came out of tunnels and that local sockets have not taken yet. */
export const PROCESS_HELD = new ByteBudget(256 * MIB)
export const TUNNEL_HELD_BYTES = 128 * MIB

/** A tunnel at full rate needs this, however many processes there are. */
const LEAST_OF_PROCESS = 32 * MIB

/** Of what one process may have this one has a share. */
export function shareBudgets(processes: number): void {
  for (const budget of [PROCESS_WINDOWS, PROCESS_HELD]) budget.shareAmong(processes, LEAST_OF_PROCESS)
}
