/**
 * What is refused again and again is one record that counts: a program that tries a hundred times a second fills no disk.
 * Of one device within a minute each destination is kept once, up to a limit; what is beyond that is counted together.
 *
 * @module
 */
import { Deadlines } from '../../base/deadlines.ts'

/** How long a refusal takes in those that are like it. */
const COUNT_MS = 60_000
/** Destinations of one device within that time. */
const MAX_OF_DEVICE = 60

export interface DeviceRefusals {
  /** Of the record that was kept of the first. */
  readonly id: string
  /** The first included. */
  readonly times: number
  readonly lastMs: number
}

interface Counted {
  readonly key: string
  readonly device: string
  readonly id: string
  times: number
  lastMs: number
}

export class Refusals implements AsyncDisposable {
  readonly #byKey = new Map<string, Counted>()
  readonly #ofDevice = new Map<string, number>()
  readonly #open: Deadlines<Counted>
  readonly #over: (refusal: DeviceRefusals) => Promise<void>

  /** @param over Called for what was refused more than once, when its time is over. Does not reject. */
  constructor(over: (refusal: DeviceRefusals) => Promise<void>) {
    this.#over = over
    this.#open = new Deadlines(COUNT_MS, (counted) => void this.#close(counted))
  }

  /**
   * Counts one.
   *
   * @param what Of the device: destination, and why.
   * @param newId Called for one that is to be kept.
   */
  count(device: string, what: string, nowMs: number, newId: () => string): { id: string; isFirst: boolean } {
    const own = `${device} ${what}`
    const isOneTooMany = !this.#byKey.has(own) && (this.#ofDevice.get(device) ?? 0) >= MAX_OF_DEVICE
    const key = isOneTooMany ? device : own
    const known = this.#byKey.get(key)
    if (known !== undefined) {
      known.times += 1
      known.lastMs = nowMs
      return { id: known.id, isFirst: false }
    }
    const counted = { key, device, id: newId(), times: 1, lastMs: nowMs }
    this.#byKey.set(key, counted)
    this.#ofDevice.set(device, (this.#ofDevice.get(device) ?? 0) + 1)
    this.#open.add(counted)
    return { id: counted.id, isFirst: true }
  }

  /** It could not be kept: the next one like it is tried again. */
  forget(id: string): void {
    for (const counted of this.#byKey.values()) if (counted.id === id) this.#remove(counted)
  }

  async #close(counted: Counted): Promise<void> {
    this.#remove(counted)
    const { id, times, lastMs } = counted
    if (times > 1) await this.#over({ id, times, lastMs })
  }

  #remove(counted: Counted): void {
    this.#open.delete(counted)
    this.#byKey.delete(counted.key)
    const left = (this.#ofDevice.get(counted.device) ?? 1) - 1
    if (left > 0) this.#ofDevice.set(counted.device, left)
    else this.#ofDevice.delete(counted.device)
  }

  /** Ends the time of all. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#byKey.values()].map((counted) => this.#close(counted)))
    this.#open[Symbol.dispose]()
  }
}
