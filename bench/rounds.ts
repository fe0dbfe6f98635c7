/**
 * Interleaved rounds: each workload runs everyone once per round, in an order drawn anew.
 *
 * @module
 */

import type { Options } from './options.ts'
import type { Path, Peer } from './path.ts'
import { endedOf, judgeFailure } from './serving.ts'
import type { Starter } from './starter.ts'
import { shuffled } from './statistics.ts'
import { type Sample, type Subject, Unmeasurable, type Workload } from './workload.ts'

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

export interface Course {
  readonly options: Options
  readonly starter: Starter
  readonly say: Say
  /** Who has died, and of what; those to come are added. */
  readonly died: Map<string, string>
}

/** @throws {StoppedServing} when ours does not get through it. */
export async function runWorkload(
  workload: Workload,
  entries: readonly Entry[],
  course: Course,
): Promise<Result> {
  const rounds: Round[] = []
  const taking = entries.filter(({ name, path }) =>
    workload.onlyFor
      ? workload.onlyFor({ name, hasProcesses: Object.keys(path.processes).length > 0 })
      : true,
  )
  const { rounds: wanted } = course.options
  const count = taking.length === 0 ? 0 : Math.min(wanted, workload.maxRounds ?? wanted)
  /** Whoever failed once is not asked again by this workload. */
  const out = new Map<string, string>()
  for (let round = 1; round <= count; round++) {
    const order = shuffled(taking)
    const samples: Record<string, Sample> = {}
    const errors: Record<string, string> = {}
    for (const entry of order) {
      const where = `${workload.name}, round ${round} of ${count}`
      const gone = course.died.get(entry.name) ?? out.get(entry.name)
      course.say(`${where}  ${entry.name}`)
      const got = gone ?? (await sampleOf(workload, entry, where, course))
      if (typeof got !== 'string') {
        samples[entry.name] = got
        continue
      }
      out.set(entry.name, got)
      errors[entry.name] = got
    }
    rounds.push({ order: order.map(({ name }) => name), samples, errors })
  }
  return { workload, rounds }
}

/** @returns why there is none, when it is the fault of a peer. */
async function sampleOf(
  workload: Workload,
  { name, peer, path }: Entry,
  where: string,
  { options: { seconds, quick, long }, starter, died }: Course,
): Promise<Sample | string> {
  let used = path
  const fresh: Subject['fresh'] = async (site) => (used = await starter.start(peer, site))
  try {
    const site = starter.site(workload.name)
    const sample = await workload.measure({ path, fresh, site, seconds, quick, long })
    const ended = endedOf(path)
    if (ended) throw new Error(ended)
    return sample
  } catch (cause) {
    const error = cause as Error
    if (error instanceof Unmeasurable) {
      console.error(`\n${where}, ${name}: ${error.message}`)
      return `failed: ${error.message}`
    }
    const dead = await judgeFailure({ name, peer, where, error, path, used })
    const why = `${dead ? 'died' : 'failed'}: ${where}: ${error.message}`
    if (dead) died.set(name, why)
    return why
  }
}
