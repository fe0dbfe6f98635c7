/**
 * The store: every record of the control plane, behind one type. SQLite today; the repositories use only what
 * other SQL databases have too.
 *
 * Each repository call is atomic by itself. What belongs together goes into `transaction`, with the audit
 * record of it: durable together, or not at all.
 *
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { existsSync } from 'node:fs'
import type { Kysely } from 'kysely'
import type { Kind } from '../api/kinds.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { asFault, Fault } from '../base/faults.ts'
import { Audit } from './audit.ts'
import { type Bus, type BusMessages, localBus, type Topic } from './bus.ts'
import { Connectors } from './connectors.ts'
import { Denials } from './denials.ts'
import { Devices } from './devices.ts'
import { EdgeIdentities } from './edge-identities.ts'
import { Idempotency } from './idempotency.ts'
import { ProvisioningKeys } from './keys.ts'
import { migrate, type SchemaState, schemaState } from './migrate.ts'
import { Objects } from './objects.ts'
import { OutageRecords } from './outages.ts'
import { Passwords } from './passwords.ts'
import { Revocations } from './revocations.ts'
import type { Scope } from './scope.ts'
import { Secrets } from './secrets.ts'
import { Sessions } from './sessions.ts'
import { openSqlite } from './sqlite.ts'
import type { Tables } from './tables.ts'
import { Tokens } from './tokens.ts'

/** What can be read and written, alone or within a transaction. */
export interface Repositories {
  readonly objects: Objects
  readonly keys: ProvisioningKeys
  readonly connectors: Connectors
  readonly devices: Devices
  readonly edges: EdgeIdentities
  readonly outages: OutageRecords
  readonly denials: Denials
  readonly passwords: Passwords
  readonly audit: Audit
  readonly secrets: Secrets
  readonly tokens: Tokens
  readonly revocations: Revocations
  readonly idempotency: Idempotency
  /** Grows with every write that may change a decision. Receivers of hints compare it. */
  policyVersion(): Promise<number>
}

export interface Store extends Repositories, AsyncDisposable {
  /** Batched by themselves: they have no part in transactions. */
  readonly sessions: Sessions
  readonly bus: Bus
  /**
   * Runs `work` as one transaction: durable when this resolves, undone when `work` throws. Within it only the
   * repositories it is given may be used. Transactions run one after another: keep them short, dial nothing.
   */
  transaction<T>(work: (tx: Repositories) => Promise<T>): Promise<T>
}

export interface StoreOptions {
  /** Path of the SQLite file; made with mode 0600 if absent. `:memory:` for tests. */
  readonly file: string
  readonly clock?: Clock
  readonly bus?: Bus
}

/** @throws {Fault} STORE_FAILED. */
export async function openStore({
  file,
  clock = systemClock,
  bus = localBus(),
}: StoreOptions): Promise<Store> {
  const { raw, db } = await openSqlite(file)
  try {
    await migrate(raw, db, file)
  } catch (cause) {
    raw.close()
    throw asFault(cause, 'STORE_FAILED')
  }
  const inside = new AsyncLocalStorage<{ open: boolean }>()

  async function atomically<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
    const mark = { open: true }
    const after: (() => void)[] = []
    const changed = new Set<string>()
    let policy = false
    const result = await inside.run(mark, () =>
      run(db, async (trx) => {
        const scope: Scope = {
          db: trx,
          clock,
          atomically: (nested) => nested(scope),
          touch(_kind: Kind, id: string, o: { policy: boolean }) {
            changed.add(id)
            policy ||= o.policy
          },
          publish: (topic, message) => after.push(() => bus.publish(topic, message)),
        }
        const value = await work(scope)
        if (policy) {
          const version = await bumpPolicy(trx)
          after.push(() => bus.publish('policy', { version, changed: [...changed] }))
        }
        return value
      }).finally(() => {
        mark.open = false
      }),
    )
    for (const publish of after) publish()
    return result
  }

  const root: Scope = {
    get db() {
      if (inside.getStore()?.open === true) throw new TypeError(OUTSIDE)
      return db
    },
    clock,
    atomically(work) {
      if (inside.getStore()?.open === true) return Promise.reject(new TypeError(OUTSIDE))
      return atomically(work)
    },
    touch() {
      throw new TypeError('a write outside a transaction')
    },
    publish: <T extends Topic>(topic: T, message: BusMessages[T]) => bus.publish(topic, message),
  }
  const sessions = new Sessions(root)

  return {
    ...repositories(root),
    get sessions() {
      if (inside.getStore()?.open === true) throw new TypeError(OUTSIDE)
      return sessions
    },
    bus,
    transaction: (work) => root.atomically((scope) => work(repositories(scope))),
    async [Symbol.asyncDispose]() {
      await sessions.flush()
      await db.destroy()
    },
  }
}

/**
 * Where a store file stands towards this version: for `--check`. Changes nothing.
 *
 * @returns undefined if there is no file yet. @throws {Fault} STORE_FAILED.
 */
export async function checkStore(file: string): Promise<SchemaState | undefined> {
  if (!existsSync(file)) return undefined
  const { db } = await openSqlite(file)
  try {
    return await schemaState(db)
  } finally {
    await db.destroy()
  }
}

const OUTSIDE =
  'Cannot use the store inside its own transaction: use the repositories the transaction was given'

/** A database error has no code a person knows: it becomes STORE_FAILED with what the database said. */
async function run<T>(db: Kysely<Tables>, work: (trx: Kysely<Tables>) => Promise<T>): Promise<T> {
  try {
    return await db.transaction().execute(work)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_SQLITE_ERROR') {
      throw new Fault('STORE_FAILED', cause.message, { cause })
    }
    throw cause
  }
}

function repositories(scope: Scope): Repositories {
  return {
    objects: new Objects(scope),
    keys: new ProvisioningKeys(scope),
    connectors: new Connectors(scope),
    devices: new Devices(scope),
    edges: new EdgeIdentities(scope),
    outages: new OutageRecords(scope),
    denials: new Denials(scope),
    passwords: new Passwords(scope),
    audit: new Audit(scope),
    secrets: new Secrets(scope),
    tokens: new Tokens(scope),
    revocations: new Revocations(scope),
    idempotency: new Idempotency(scope),
    policyVersion: () => policyVersion(scope.db),
  }
}

const POLICY_VERSION = 'policy_version'

async function policyVersion(db: Kysely<Tables>): Promise<number> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', POLICY_VERSION).executeTakeFirst()
  return Number(row?.value ?? 0)
}

async function bumpPolicy(db: Kysely<Tables>): Promise<number> {
  const version = (await policyVersion(db)) + 1
  const value = String(version)
  await db
    .insertInto('meta')
    .values({ key: POLICY_VERSION, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute()
  return version
}
