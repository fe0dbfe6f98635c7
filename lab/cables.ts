/**
 * The cables of the lab that can be made worse: one from each machine to the bridge that it hangs on.
 *
 * @module
 */
import { CABLES, type CableName, type Machines } from './topology.ts'
import type { Impairment } from './wire/impairment.ts'
import { insertWire, type Wire, type WireOptions } from './wire/wire.ts'

export class Cables {
  readonly #machines: Machines
  readonly #wires = new Map<CableName, Wire>()

  constructor(machines: Machines) {
    this.#machines = machines
  }

  /** From now on the cable of this machine does that; `fw` is the uplink of the data centre. */
  async impair(name: CableName, impairment: Impairment, o?: WireOptions): Promise<Wire> {
    const there = this.#wires.get(name)
    if (there !== undefined) {
      await there.set(impairment)
      return there
    }
    const { at, bridge, device } = CABLES[name]
    const cable = { at: this.#machines[at], bridge, plug: `p-${name}`, to: this.#machines[name], device }
    const wire = await insertWire(cable, impairment, o)
    this.#wires.set(name, wire)
    return wire
  }

  /** The cable is out of its socket, or in again. Nobody is told: packets just end there. */
  async link(name: CableName, state: 'up' | 'down'): Promise<void> {
    await this.#machines[CABLES[name].at].succeed('ip', 'link', 'set', `p-${name}`, state)
  }

  /** Every cable as it was. */
  async clear(): Promise<void> {
    for (const [name, wire] of this.#wires) {
      this.#wires.delete(name)
      await wire[Symbol.asyncDispose]()
    }
  }
}
