/**
 * Interleaved rounds: each workload runs everyone once per round, in an order drawn anew.
 *
 * @module
 */

import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Options } from './options.ts'
import type { Path, Peer, Site } from './path.ts'
import { shuffled } from './statistics.ts'
import type { Sample, Workload } from './workload.ts'
import { bulkDown } from './workloads/bulk.ts'
import { sessionsMany } from './workloads/new-sessions.ts'

/** A peer that is up. The control is the reference under a second name: the same processes measured twice. */
export interface Entry {
  readonly name: string
  readonly peer: Peer
  readonly path: Path
}

export interface Round {
  /** In the order they ran. */
  readonly order: readonly string[]
  readonly samples: Readonly<Record<string, Sample>>
  readonly errors: Readonly<Record<string, string>>
}

export interface Result {
  readonly workload: Workload
  readonly rounds: readonly Round[]
}

export type Say = (text: string) => void

/** Starts peers, one folder per start. */
export class Starter {
  #folders = 0
  readonly #shared: Omit<Site, 'dir'>
  readonly #dir: string

  constructor(dir: string, shared: Omit<Site, 'dir'>) {
    this.#dir = dir
    this.#shared = shared
  }

  async start(peer: Peer): Promise<Path> {
    return peer.start(this.site(peer.name))
  }

  /** With a new empty folder. */
  site(name: string): Site {
    const dir = path.join(this.#dir, `${name}-${++this.#folders}`)
    mkdirSync(dir, { mode: 0o700 })
    return { ...this.#shared, dir }
  }
}

/** Lets code be compiled and windows grow, and finds out early whether a path carries anything at all. */
export async function warmUp(path: Path, site: Site): Promise<void> {
  const fresh = () => Promise.reject(new Error('not in a warm-up'))
  const subject = { path, fresh, site, seconds: 0.4, quick: true }
  await bulkDown.measure(subject)
  await sessionsMany.measure(subject)
}

export async function runWorkload(
  workload: Workload,
  entries: readonly Entry[],
  { options, starter, say }: { options: Options; starter: Starter; say: Say },
): Promise<Result> {
  const rounds: Round[] = []
  const taking = entries.filter(({ name, path }) =>
    workload.onlyFor
      ? workload.onlyFor({ name, hasProcesses: Object.keys(path.processes).length > 0 })
      : true,
  )
  const count = taking.length === 0 ? 0 : Math.min(options.rounds, workload.maxRounds ?? options.rounds)
  for (let round = 1; round <= count; round++) {
    const order = shuffled(taking)
    const samples: Record<string, Sample> = {}
    const errors: Record<string, string> = {}
    for (const entry of order) {
      say(`${workload.name}  round ${round}/${count}  ${entry.name}`)
      const fresh = () => starter.start(entry.peer)
      const { seconds, quick } = options
      const site = starter.site(workload.name)
      try {
        samples[entry.name] = await workload.measure({ path: entry.path, fresh, site, seconds, quick })
      } catch (error) {
        errors[entry.name] = (error as Error).message
      }
    }
    rounds.push({ order: order.map(({ name }) => name), samples, errors })
  }
  return { workload, rounds }
}
