import type { Kind } from '../api/kinds.ts'

/** What one transaction wrote or deleted, by id. */
export type Changed = ReadonlyMap<string, Kind>

interface ChangeEntry {
  readonly changed: Changed
  /** Policy has a new version by it. */
  policy: boolean
}

/** What has changed since a mark. */
export interface ChangesSince {
  readonly changed: Changed
  /** As many versions of policy came about by it. */
  readonly versions: number
}

/** The log as of one moment. */
export interface ChangeLogView {
  /** The same for all views of one log: marks of one mean the same in another. */
  readonly log: object
  /** Where the log stands: what is added later comes behind. */
  readonly mark: number
  /** Nothing if it is not remembered that far back. */
  since(mark: number): ChangesSince | undefined
}

/** Ids of the latest changes that are remembered: whoever is further behind reads everything again. */
const MAX_IDS = 20_000

/**
 * Which objects the last transactions changed, so that whoever holds all of them reads those again and no others. In
 * memory: what another process wrote is not in it, which shows in the version of policy.
 */
export class ChangeLog implements ChangeLogView {
  #entries: ChangeEntry[] = []
  #ids = 0
  #dropped = 0
  /** The last entry is not durable yet. */
  #isPending = false

  get log(): object {
    return this
  }

  get mark(): number {
    return this.#dropped + this.#entries.length
  }

  /** For whoever reads what is durable now, while others write on. To be taken before the reading begins. */
  asOf(): ChangeLogView {
    const end = this.mark - (this.#isPending ? 1 : 0)
    return { log: this, mark: end, since: (mark) => this.#between(mark, end) }
  }

  /**
   * Before it is durable: transactions that write come one after another.
   *
   * @returns To be called when it is durable, or has come to nothing: the entry stays, for no mark may mean two things.
   */
  add(changed: Changed, policy: boolean): (isDurable: boolean) => void {
    const entry = { changed, policy }
    this.#entries.push(entry)
    this.#ids += changed.size
    this.#isPending = true
    return (isDurable) => {
      this.#isPending = false
      if (!isDurable) entry.policy = false
    }
  }

  /** Forgets the oldest that are too many. */
  trim(): void {
    let drop = 0
    while (this.#ids > MAX_IDS && drop < this.#entries.length)
      this.#ids -= this.#entries[drop++]!.changed.size
    if (drop === 0) return
    this.#entries = this.#entries.slice(drop)
    this.#dropped += drop
  }

  since(mark: number): ChangesSince | undefined {
    return this.#between(mark, this.mark)
  }

  #between(mark: number, end: number): ChangesSince | undefined {
    if (mark < this.#dropped || mark > end) return undefined
    const later = this.#entries.slice(mark - this.#dropped, end - this.#dropped)
    const changed = new Map<string, Kind>()
    for (const entry of later) for (const [id, kind] of entry.changed) changed.set(id, kind)
    return { changed, versions: later.filter(({ policy }) => policy).length }
  }
}
