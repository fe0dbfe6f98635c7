import { setImmediate } from 'node:timers/promises'
import { nextTurn, turnIsOver } from '../base/slices.ts'
import { CHAIN_START, type ChainEnd, type ChainRow, hashedText, linkHash, whyBroken } from './audit-chain.ts'
import { type AuditFilter, auditRows } from './audit-list.ts'
import { insertRows } from './insert-rows.ts'
import { setMeta } from './meta.ts'
import type { Page, PageQuery } from './page.ts'
import type { StoreScope } from './scope.ts'

/** Who did it: a token, an agent by its identity, or the program itself. */
export type Actor = string

export interface AuditEntry {
  /** `token:NAME (tok_…)`, `connector:con_…`, `user:alice`, `system`. */
  readonly actor: Actor
  /** What was done, as `noun.verb`: `segment.update`, `connector.enrol`, `grant.issue`. */
  readonly action: string
  /** Id of what it was done to; empty where there is none. */
  readonly object: string
  /** Never a secret. */
  readonly detail?: object
  /** In the place of `detail`, where there are many: made before the transaction that others wait for. */
  readonly text?: AuditText
}

/** What of a record is the same wherever in the chain it comes to stand. */
export interface AuditText {
  /** JSON. */
  readonly detail: string
  readonly hashed: string
}

export function auditText({ action, object, detail = {} }: Omit<AuditEntry, 'actor' | 'text'>): AuditText {
  const text = JSON.stringify(detail)
  return { detail: text, hashed: hashedText({ action, object, detail: text }) }
}

export interface AuditRecord extends Required<Omit<AuditEntry, 'text'>> {
  /** 1, 2, 3… without gaps. */
  readonly seq: number
  readonly timeMs: number
  /** Hash of the record before; 64 zeros for the first. */
  readonly prevHash: string
  /** SHA-256 over this record and `prevHash`, hex. */
  readonly hash: string
}

/** What a check of the whole chain found. */
export type AuditVerdict =
  | {
      readonly intact: true
      /** Number of the last. */
      readonly records: number
      readonly head: string
      /** The last of those that are in archives: the chain here follows from it. */
      readonly archived?: ChainEnd
    }
  | {
      readonly intact: false
      /** Number of the first record that is not as it was written. */
      readonly seq: number
      readonly because: string
    }

/** As many are deleted in one step. */
const FORGOTTEN_AT_ONCE = 256

const HEAD = 'audit_head'
/** End of what was archived and is not here any more. */
const ANCHOR = 'audit_anchor'

/**
 * The append-only record of what was done. Each record holds the hash of the one before, and the number and
 * hash of the last stand apart, so that a change, a gap or a cut end shows.
 */
export class Audit {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  /** Run it in the transaction of the effect: both become durable together, or neither. */
  async append(entry: AuditEntry): Promise<AuditRecord> {
    return fromRow((await this.#append([entry]))[0]!)
  }

  /** As append, one behind the other. */
  async appendAll(entries: readonly AuditEntry[]): Promise<void> {
    if (entries.length > 0) await this.#append(entries)
  }

  #append(entries: readonly AuditEntry[]): Promise<ChainRow[]> {
    return this.#scope.atomically(async ({ db, clock }) => {
      let end = (await readEnd(db, HEAD)) ?? CHAIN_START
      const all: ChainRow[] = []
      for (const entry of entries) {
        const { actor, action, object } = entry
        const { detail, hashed } = entry.text ?? auditText(entry)
        const said = { actor, action, object, detail }
        const row = { seq: end.seq + 1, timeMs: clock.nowMs(), ...said, prevHash: end.hash }
        end = { seq: row.seq, hash: linkHash(row, hashed) }
        all.push({ ...row, hash: end.hash })
        if (turnIsOver()) await nextTurn()
      }
      await Array.fromAsync(insertRows(db, all, (some) => db.insertInto('audit').values(some)))
      await writeEnd(db, HEAD, end)
      return all
    })
  }

  /** Newest first. */
  async list(query: PageQuery & AuditFilter): Promise<Page<AuditRecord>> {
    const page = await auditRows(this.#scope, query)
    return { ...page, items: page.items.map(fromRow) }
  }

  /** Reads the whole chain, a thousand records at a time. */
  async verify(): Promise<AuditVerdict> {
    for (;;) {
      const ends = await this.#ends()
      const verdict = await this.#check(ends)
      const { archived } = await this.#ends()
      // Unless what was missed has gone into an archive meanwhile.
      if (verdict.intact || archived?.seq === ends.archived?.seq) return verdict
    }
  }

  /** Both as of one moment: others may be appending, or archiving. */
  #ends(): Promise<{ archived?: ChainEnd; head: ChainEnd }> {
    return this.#scope.atomically(async ({ db }) => ({
      archived: await readEnd(db, ANCHOR),
      head: (await readEnd(db, HEAD)) ?? CHAIN_START,
    }))
  }

  async #check({ archived, head }: { archived?: ChainEnd; head: ChainEnd }): Promise<AuditVerdict> {
    const { db } = this.#scope
    let { seq, hash: prevHash } = archived ?? CHAIN_START
    for (;;) {
      const rows = await db
        .selectFrom('audit')
        .selectAll()
        .where('seq', '>', seq)
        .where('seq', '<=', head.seq)
        .orderBy('seq')
        .limit(1000)
        .execute()
      if (rows.length === 0) break
      for (const row of rows) {
        const because = whyBroken(row, seq + 1, prevHash)
        if (because !== undefined) return { intact: false, seq: Math.min(row.seq, seq + 1), because }
        seq = row.seq
        prevHash = row.hash
      }
      // The database answers at once, so that without this nothing else of the process would run meanwhile.
      await setImmediate()
    }
    if (seq < head.seq) {
      return { intact: false, seq: seq + 1, because: `records ${seq + 1} to ${head.seq} are missing` }
    }
    if (prevHash !== head.hash) {
      return { intact: false, seq, because: 'the last record is not the one that was written last' }
    }
    const added = await this.#afterHead()
    if (added !== undefined) return { intact: false, seq: added, because: 'it was added from outside' }
    return { intact: true, records: seq, head: head.hash, ...(archived && { archived }) }
  }

  /** The oldest records, as they are hashed, that are from before `beforeMs`; the first that is not ends them. */
  async oldest(limit: number, beforeMs: number): Promise<ChainRow[]> {
    const rows = await this.#scope.db.selectFrom('audit').selectAll().orderBy('seq').limit(limit).execute()
    const end = rows.findIndex(({ timeMs }) => timeMs >= beforeMs)
    return end === -1 ? rows : rows.slice(0, end)
  }

  /** Forgets the records up to `last`, which are kept elsewhere: the chain here follows from it. */
  async forget(last: ChainEnd): Promise<void> {
    await this.#scope.atomically(async ({ db }) => {
      await writeEnd(db, ANCHOR, last)
      const first = await db.selectFrom('audit').select('seq').orderBy('seq').limit(1).executeTakeFirst()
      for (let seq = first?.seq ?? last.seq + 1; seq <= last.seq; seq += FORGOTTEN_AT_ONCE) {
        const upTo = Math.min(last.seq, seq + FORGOTTEN_AT_ONCE - 1)
        await db.deleteFrom('audit').where('seq', '<=', upTo).execute()
        if (turnIsOver()) await nextTurn()
      }
    }, 'later')
  }

  /** A record past the end of the chain. Head and records are read as of one moment: others may be appending. */
  async #afterHead(): Promise<number | undefined> {
    return this.#scope.atomically(async ({ db }) => {
      const { seq } = (await readEnd(db, HEAD)) ?? CHAIN_START
      const row = await db
        .selectFrom('audit')
        .select('seq')
        .where('seq', '>', seq)
        .orderBy('seq')
        .executeTakeFirst()
      return row?.seq
    })
  }
}

async function readEnd(db: StoreScope['db'], key: string): Promise<ChainEnd | undefined> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst()
  if (row === undefined) return undefined
  const at = row.value.indexOf(':')
  return { seq: Number(row.value.slice(0, at)), hash: row.value.slice(at + 1) }
}

async function writeEnd(db: StoreScope['db'], key: string, { seq, hash }: ChainEnd): Promise<void> {
  await setMeta(db, key, `${seq}:${hash}`)
}

function fromRow(row: ChainRow): AuditRecord {
  return { ...row, detail: JSON.parse(row.detail) as object }
}
