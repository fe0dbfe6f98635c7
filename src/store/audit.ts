import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { cursorKey, type Page, type PageQuery, pageOf } from './page.ts'
import type { Scope } from './scope.ts'
import type { Tables } from './tables.ts'

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
}

export interface AuditRecord extends Required<AuditEntry> {
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
  | { readonly intact: true; readonly records: number; readonly head: string }
  | {
      readonly intact: false
      /** Number of the first record that is not as it was written. */
      readonly seq: number
      readonly because: string
    }

const START = '0'.repeat(64)
const HEAD = 'audit_head'

/**
 * The append-only record of what was done. Each record holds the hash of the one before, and the number and
 * hash of the last stand apart, so that a change, a gap or a cut end shows.
 */
export class Audit {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  /** Run it in the transaction of the effect: both become durable together, or neither. */
  async append(entry: AuditEntry): Promise<AuditRecord> {
    return this.#scope.atomically(async ({ db, clock }) => {
      const head = await db.selectFrom('meta').select('value').where('key', '=', HEAD).executeTakeFirst()
      const [lastSeq, prevHash] = head === undefined ? [0, START] : readHead(head.value)
      const row = {
        seq: lastSeq + 1,
        timeMs: clock.nowMs(),
        actor: entry.actor,
        action: entry.action,
        object: entry.object,
        detail: JSON.stringify(entry.detail ?? {}),
        prevHash,
      }
      const hash = hashOf(row)
      await db
        .insertInto('audit')
        .values({ ...row, hash })
        .execute()
      const value = `${row.seq}:${hash}`
      await db
        .insertInto('meta')
        .values({ key: HEAD, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute()
      return fromRow({ ...row, hash })
    })
  }

  /** Newest first. */
  async list(
    query: PageQuery & { actor?: string; object?: string; action?: string },
  ): Promise<Page<AuditRecord>> {
    const before = cursorKey(query.cursor)
    let select = this.#scope.db.selectFrom('audit').selectAll()
    if (before !== undefined) select = select.where('seq', '<', Number(before))
    for (const field of ['actor', 'object', 'action'] as const) {
      const wanted = query[field]
      if (wanted !== undefined) select = select.where(field, '=', wanted)
    }
    const rows = await select
      .orderBy('seq', 'desc')
      .limit(query.limit + 1)
      .execute()
    const page = pageOf(rows, query.limit, (row) => String(row.seq))
    return { ...page, items: page.items.map(fromRow) }
  }

  /** Reads the whole chain, a thousand records at a time. */
  async verify(): Promise<AuditVerdict> {
    const { db } = this.#scope
    const headRow = await db.selectFrom('meta').select('value').where('key', '=', HEAD).executeTakeFirst()
    const [headSeq, headHash] = headRow === undefined ? [0, START] : readHead(headRow.value)
    let seq = 0
    let prevHash = START
    for (;;) {
      const rows = await db
        .selectFrom('audit')
        .selectAll()
        .where('seq', '>', seq)
        .where('seq', '<=', headSeq)
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
    if (seq < headSeq) {
      return { intact: false, seq: seq + 1, because: `records ${seq + 1} to ${headSeq} are missing` }
    }
    if (prevHash !== headHash) {
      return { intact: false, seq, because: 'the last record is not the one that was written last' }
    }
    const added = await this.#afterHead()
    if (added !== undefined) return { intact: false, seq: added, because: 'it was added from outside' }
    return { intact: true, records: seq, head: headHash }
  }

  /** A record past the end of the chain. Head and records are read as of one moment: others may be appending. */
  async #afterHead(): Promise<number | undefined> {
    return this.#scope.atomically(async ({ db }) => {
      const head = await db.selectFrom('meta').select('value').where('key', '=', HEAD).executeTakeFirst()
      const row = await db
        .selectFrom('audit')
        .select('seq')
        .where('seq', '>', head === undefined ? 0 : readHead(head.value)[0])
        .orderBy('seq')
        .executeTakeFirst()
      return row?.seq
    })
  }
}

function whyBroken(row: Tables['audit'], expectedSeq: number, prevHash: string): string | undefined {
  if (row.seq !== expectedSeq) return `record ${expectedSeq} is missing`
  if (row.prevHash !== prevHash) return 'it does not follow from the record before'
  if (row.hash !== hashOf(row)) return 'its content was changed'
  return undefined
}

/** Over a JSON list, so that no two different records can give the same bytes. */
function hashOf(row: Omit<Tables['audit'], 'hash'>): string {
  const content = [row.prevHash, row.seq, row.timeMs, row.actor, row.action, row.object, row.detail]
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}

function readHead(value: string): [seq: number, hash: string] {
  const at = value.indexOf(':')
  return [Number(value.slice(0, at)), value.slice(at + 1)]
}

function fromRow(row: Tables['audit']): AuditRecord {
  return { ...row, detail: JSON.parse(row.detail) as object }
}
