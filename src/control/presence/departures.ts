/**
 * How connectors, or devices, went away, and why some could not come back: kept in memory, for whoever asks about one that
 * is gone.
 *
 * @module
 */
import type { Fault } from '../../base/faults.ts'
import type { Parting } from '../../base/parting.ts'
import { type ConnectionLoss, lostBy } from './loss.ts'
import type { Connected } from './presence.ts'

/** What a connector last said of itself. */
export type LastSaid = Pick<Connected, 'state' | 'sessions' | 'tunnels' | 'cpuPercent' | 'rssBytes' | 'rttUs'>

export interface Departure {
  readonly atMs: number
  readonly address: string
  /** It closed its connection itself. */
  readonly orderly: boolean
  /** Why, if it said so. */
  readonly parting?: Parting
  /** Without a goodbye: its end was seen, as of a process that has ended; or nothing came any more. */
  readonly lost?: ConnectionLoss
  /** How the connection ended otherwise. */
  readonly fault?: Pick<Fault, 'code' | 'hop' | 'detail'>
  readonly said: LastSaid
}

/** It came, and control did not let it in. */
export interface AgentRefusal {
  readonly atMs: number
  readonly address: string
  readonly times: number
  readonly fault: Pick<Fault, 'code' | 'hop' | 'detail'>
}

export interface Absence {
  readonly left?: Departure
  /** Of a connector: since it left. */
  readonly refused?: AgentRefusal
}

const MAX_AGENTS = 20_000

export class Departures {
  readonly #absent = new Map<string, Absence>()

  left(connected: Connected, fault: Fault | undefined, atMs: number): void {
    const { state, sessions, tunnels, cpuPercent, rssBytes, rttUs } = connected
    const said = { state, sessions, tunnels, cpuPercent, rssBytes, rttUs }
    const departure = { atMs, address: connected.from, orderly: fault === undefined, said }
    const { parting } = connected.channel
    const { id, role } = connected.peer.identity
    this.#put(id, {
      // A copy of a device is refused while the device is connected, and stays known when that leaves.
      ...(role === 'client' && { refused: this.of(id).refused }),
      left:
        fault === undefined
          ? { ...departure, parting }
          : { ...departure, lost: lostBy(fault), fault: wordsOf(fault) },
    })
  }

  refused(id: string, address: string, fault: Fault, atMs: number): void {
    const before = this.#absent.get(id)
    const times = before?.refused?.fault.code === fault.code ? before.refused.times + 1 : 1
    this.#put(id, { ...before, refused: { atMs, address, times, fault: wordsOf(fault) } })
  }

  /** Nothing of one that has not left since this control plane started. */
  of(id: string): Absence {
    return this.#absent.get(id) ?? {}
  }

  /** A device is here; who was refused in its name stays known. */
  here(id: string): void {
    const { refused } = this.of(id)
    this.#absent.delete(id)
    if (refused !== undefined) this.#put(id, { refused })
  }

  back(id: string): void {
    this.#absent.delete(id)
  }

  #put(id: string, absence: Absence): void {
    this.#absent.delete(id) // Set anew it comes last: the first are the oldest.
    this.#absent.set(id, absence)
    if (this.#absent.size > MAX_AGENTS) this.#absent.delete(this.#absent.keys().next().value!)
  }
}

function wordsOf({ code, hop, detail }: Fault): Departure['fault'] & object {
  return { code, hop, detail }
}
