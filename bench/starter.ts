/**
 * Starts peers, one folder per start; at the beginning of a run all of them.
 *
 * @module
 */

import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Path, Peer, Site } from './path.ts'
import { ALWAYS, type Skip } from './peers.ts'
import { CONTROL_SUFFIX } from './report.ts'
import type { Entry, Say } from './rounds.ts'
import { StoppedServing } from './serving.ts'
import { bulkDown } from './workloads/bulk.ts'
import { sessionsMany } from './workloads/new-sessions.ts'

export class Starter {
  #folders = 0
  readonly #shared: Omit<Site, 'dir'>
  readonly #dir: string

  constructor(dir: string, shared: Omit<Site, 'dir'>) {
    this.#dir = dir
    this.#shared = shared
  }

  async start(peer: Peer, site: Pick<Site, 'looksDir'> = {}): Promise<Path> {
    return peer.start({ ...this.site(peer.name), ...site })
  }

  /** With a new empty folder. */
  site(name: string): Site {
    const dir = path.join(this.#dir, `${name}-${++this.#folders}`)
    mkdirSync(dir, { mode: 0o700 })
    return { ...this.#shared, dir }
  }
}

/**
 * A peer that does not come up is named and left out; the others still run.
 *
 * @throws {StoppedServing} when ours does not come up.
 */
export async function startAll(
  peers: readonly Peer[],
  {
    starter,
    owned,
    skipped,
    say,
  }: { starter: Starter; owned: AsyncDisposableStack; skipped: Skip[]; say: Say },
): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const peer of peers) {
    say(`starting ${peer.name}`)
    let path: Path | undefined
    try {
      path = owned.use(await starter.start(peer))
      await warmUp(path, starter.site('warm-up'))
      entries.push({ name: peer.name, peer, path })
    } catch (error) {
      const reason = `did not come up: ${(error as Error).message.trim()}\n${path?.children?.lastWords ?? ''}`
      if (ALWAYS.includes(peer)) throw new StoppedServing(`${peer.name} ${reason}`)
      skipped.push({ name: peer.name, reason: reason.trimEnd().replaceAll('\n', '\n    ') })
      console.error(`\n${peer.name} ${reason}`)
    }
  }
  const first = entries[0]!
  entries.splice(1, 0, { ...first, name: `${first.name}${CONTROL_SUFFIX}` })
  return entries
}

/** Lets code be compiled and windows grow, and finds out early whether a path carries anything at all. */
async function warmUp(path: Path, site: Site): Promise<void> {
  const fresh = () => Promise.reject(new Error('not in a warm-up'))
  const subject = { path, fresh, site, seconds: 1.5, quick: true, long: 0 }
  await bulkDown.measure(subject)
  await sessionsMany.measure(subject)
}
