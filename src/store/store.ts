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
import { asFault } from '../base/faults.ts'
import { Audit } from './audit.ts'
import { type Bus, type BusMessages, localBus, type Topic } from './bus.ts'
import { type Changed, ChangeLog, type ChangeLogView } from './change-log.ts'
import { Connectors } from './connectors.ts'
import { Denials } from './denials.ts'
import { Devices } from './devices.ts'
import { EdgeIdentities } from './edge-identities.ts'
import { Idempotency } from './idempotency.ts'
import { ProvisioningKeys } from './keys.ts'
import { setMeta } from './meta.ts'
import { migrate, type SchemaState, schemaState } from './migrate.ts'
import { Objects } from './objects.ts'
import { OutageRecords } from './outages.ts'
import { Passwords } from './passwords.ts'
import { Revocations } from './revocations.ts'
import type { StoreScope } from './scope.ts'
import { Secrets } from './secrets.ts'
import { Sessions } from './sessions.ts'
import { SignIns } from './sign-ins.ts'
import { openSqlite } from './sqlite.ts'
import type { Tables } from './tables.ts'
import { Tokens } from './tokens.ts'
import { type Urgency, WriteLock } from './write-lock.ts'

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
  readonly signIns: SignIns
  readonly audit: Audit
  readonly secrets: Secrets
  readonly tokens: Tokens
  readonly revocations: Revocations
  readonly idempotency: Idempotency
  /** Grows with every write that may change a decision. Receivers of hints compare it. */
  policyVersion(): Promise<number>
  /** What transactions of this process changed lately. */
  readonly changes: ChangeLogView
  /** What the transaction that is open has changed so far: not durable yet. */
  readonly changed: Changed
}

export interface Store extends Repositories, AsyncDisposable {
  /** Batched by themselves: they have no part in transactions. */
  readonly sessions: Sessions
  readonly bus: Bus
  /**
   * Runs `work` as one transaction: durable when this resolves, undone when `work` throws. Within it only the
   * repositories it is given may be used. Transactions run one after another: keep them short, dial nothing.
   */
  transaction<T>(work: (tx: Repositories) => Promise<T>, o?: { urgency?: Urgency }): Promise<T>
  /**
   * Runs `work` on the store as of one moment, however long it takes: it waits for no transaction, and none waits for it.
   * It can write nothing.
   */
  reading<T>(work: (tx: Repositories) => Promise<T>): Promise<T>
  /** Whoever changes policy is answered when this has ended, too: what decides has then taken it up. */
  takenUp(work: () => Promise<void>): void
  /**
   * Writes, at most every two seconds: whoever only asks whether it could must not keep the disk busy.
   *
   * @throws {Fault} STORE_FAILED, DISK_FULL: why nothing can be kept now.
   */
  proveWritable(): Promise<void>
}

export interface StoreOptions {
  /** Path of the SQLite file; made with mode 0600 if absent. `:memory:` for tests. */
  readonly file: string
  readonly clock?: Clock
  readonly bus?: Bus
}

/** @throws {Fault} STORE_FAILED, DISK_FULL. */
export async function openStore({
  file,
  clock = systemClock,
  bus = localBus((error) => {
    throw error // Nobody else would hear of it.
  }),
}: StoreOptions): Promise<Store> {
  const lock = new WriteLock()
  const { raw, db } = await openSqlite(file, lock)
  try {
    await migrate(raw, db, file)
  } catch (cause) {
    raw.close()
    throw asFault(cause, 'STORE_FAILED')
  }
  const inside = new AsyncLocalStorage<{ open: boolean }>()
  const changes = new ChangeLog()
  const takingUp: (() => Promise<void>)[] = []

  async function atomically<T>(work: (scope: StoreScope) => Promise<T>, urgency?: Urgency): Promise<T> {
    await lock.take(urgency)
    let done: { readonly result: T; readonly takenUp: Promise<unknown> | undefined }
    try {
      done = await locked(work)
    } finally {
      lock.give()
    }
    await done.takenUp
    return done.result
  }

  async function locked<T>(
    work: (scope: StoreScope) => Promise<T>,
  ): Promise<{ readonly result: T; readonly takenUp: Promise<unknown> | undefined }> {
    const mark = { open: true }
    const after: (() => void)[] = []
    const changed = new Map<string, Kind>()
    let policy = false
    let isDurable = (_: boolean): void => {}
    const result = await inside.run(mark, () =>
      db
        .transaction()
        .execute(async (trx) => {
          const scope: StoreScope = {
            db: trx,
            clock,
            changes,
            changed,
            atomically: (nested) => nested(scope),
            touch(kind: Kind, id: string, o: { policy: boolean }) {
              changed.set(id, kind)
              policy ||= o.policy
            },
            committed: (work) => void after.push(work),
            publish: (topic, message) => after.push(() => bus.publish(topic, message)),
          }
          const value = await work(scope)
          if (policy) {
            const version = await bumpPolicy(trx)
            after.push(() => bus.publish('policy', { version, changed: [...changed.keys()] }))
          }
          if (changed.size > 0) isDurable = changes.add(changed, policy)
          return value
        })
        .catch((error: unknown) => {
          isDurable(false)
          throw error
        })
        .finally(() => {
          mark.open = false
        }),
    )
    isDurable(true)
    changes.trim()
    // What fails in it fails for whoever decides, and says so there: this is durable.
    const takenUp = policy ? Promise.allSettled(takingUp.map((begin) => begin())) : undefined
    for (const publish of after) publish()
    return { result, takenUp }
  }

  const root: StoreScope = {
    get db() {
      if (inside.getStore()?.open === true) throw new TypeError(OUTSIDE)
      return db
    },
    clock,
    changes,
    changed: new Map(),
    atomically(work, urgency) {
      if (inside.getStore()?.open === true) return Promise.reject(new TypeError(OUTSIDE))
      return atomically(work, urgency)
    },
    touch() {
      throw new TypeError('a write outside a transaction')
    },
    committed() {
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
    takenUp: (work) => void takingUp.push(work),
    proveWritable: recently(PROOF_MS, () =>
      atomically(({ db: trx }) => setMeta(trx, 'proved_ms', `${clock.nowMs()}`)),
    ),
    transaction: (work, o) => root.atomically((scope) => work(repositories(scope)), o?.urgency),
    async reading(work) {
      if (file === ':memory:') return root.atomically((scope) => work(repositories(scope)))
      const asOf = changes.asOf()
      const transaction = root.db.transaction().setAccessMode('read only')
      return transaction.execute((trx) => work(repositories(readingScope(root, trx, asOf))))
    },
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

/** Of a transaction that reads: what is in it needs none of its own. */
function readingScope(root: StoreScope, db: Kysely<Tables>, changes: ChangeLogView): StoreScope {
  const scope: StoreScope = { ...root, db, changes, atomically: (nested) => nested(scope) }
  return scope
}

const OUTSIDE =
  'Cannot use the store inside its own transaction: use the repositories the transaction was given'

function repositories(scope: StoreScope): Repositories {
  return {
    objects: new Objects(scope),
    keys: new ProvisioningKeys(scope),
    connectors: new Connectors(scope),
    devices: new Devices(scope),
    edges: new EdgeIdentities(scope),
    outages: new OutageRecords(scope),
    denials: new Denials(scope),
    passwords: new Passwords(scope),
    signIns: new SignIns(scope),
    audit: new Audit(scope),
    secrets: new Secrets(scope),
    tokens: new Tokens(scope),
    revocations: new Revocations(scope),
    idempotency: new Idempotency(scope),
    policyVersion: () => policyVersion(scope.db),
    changes: scope.changes,
    changed: scope.changed,
  }
}

/** What is true for so long is not asked again. */
const PROOF_MS = 2000

const POLICY_VERSION = 'policy_version'

async function policyVersion(db: Kysely<Tables>): Promise<number> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', POLICY_VERSION).executeTakeFirst()
  return Number(row?.value ?? 0)
}

async function bumpPolicy(db: Kysely<Tables>): Promise<number> {
  const version = (await policyVersion(db)) + 1
  await setMeta(db, POLICY_VERSION, String(version))
  return version
}

/** The same answer for everybody who asks within `forMs`. */
function recently(forMs: number, work: () => Promise<void>): () => Promise<void> {
  let last: Promise<void> | undefined
  let untilMs = 0
  return () => {
    if (last === undefined || performance.now() >= untilMs) {
      last = work()
      untilMs = performance.now() + forMs
    }
    return last
  }
}
