/**
 * A store as it is after years: rows written straight into the file, as the repositories would have written them, so that
 * half a million sessions are there in seconds.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { OBJECT_KINDS, type ObjectKind } from '../../src/api/kinds.ts'
import { referencesOf } from '../../src/api/references.ts'
import { newId } from '../../src/base/ids.ts'
import { sessionId } from '../../src/base/session-id.ts'
import { hashOf } from '../../src/store/audit-chain.ts'
import type { KnownSession } from '../../src/store/session-record.ts'
import { sessionRowOf } from '../../src/store/session-row.ts'
import { openStore } from '../../src/store/store.ts'

export interface LargeStore {
  /** Segments, rules, users, devices, keys: of each so many. */
  readonly objects: number
  readonly connectors: number
  readonly sessions: number
  /** Part of the sessions that is open, from 0 to 1. */
  readonly open: number
}

/** What was made, by id. */
export interface Filled {
  readonly segments: readonly string[]
  readonly rules: readonly string[]
  readonly users: readonly string[]
  readonly devices: readonly string[]
  readonly connectors: readonly string[]
}

const GROUPS = 50
const USER_GROUPS = 100
const DAY_MS = 86_400_000

/** Makes the file, which is not there, and fills it. */
export async function fillStore(file: string, size: LargeStore): Promise<Filled> {
  await using _made = await openStore({ file })
  await _made[Symbol.asyncDispose]()
  const db = new DatabaseSync(file)
  try {
    db.exec('PRAGMA synchronous = off; PRAGMA temp_store = memory; BEGIN')
    const filled = fill(db, size)
    db.exec('COMMIT; PRAGMA wal_checkpoint(truncate); PRAGMA optimize')
    return filled
  } finally {
    db.close()
  }
}

function fill(db: DatabaseSync, size: LargeStore): Filled {
  const nowMs = Date.now()
  const put = objects(db, nowMs)
  const groups = many(GROUPS, (n) => put('connector-group', `site${n}`, {}))
  const serverGroups = groups.map((id, n) => put('server-group', `servers${n}`, { connectorGroups: [id] }))
  const userGroups = many(USER_GROUPS, (n) => put('user-group', `team${n}`, {}))
  const users = many(size.objects, (n) => put('user', `user${n}`, { groups: [userGroups[n % USER_GROUPS]!] }))
  const segments = many(size.objects, (n) =>
    put('segment', `app${n}`, {
      domains: [`app${n}.corp.example`, `*.app${n}.example`],
      cidrs: [`10.${n >> 8}.${n & 255}.0/24`],
      tcp: ['443', '8000-8100'],
      serverGroups: [serverGroups[n % GROUPS]!],
    }),
  )
  const rules = many(size.objects, (n) => {
    const conditions = { segments: [segments[n]!], users: [users[n]!] }
    return put('access-rule', `rule${n}`, { order: n + 1, action: 'allow', conditions })
  })
  const uses = insert(db, 'reference', ['from_kind', 'from_id', 'to_kind', 'to_id'])
  const connectors = many(size.connectors, (n) => connector(db, uses, groups[n % GROUPS]!, n, nowMs))
  const devices = many(size.objects, (n) => device(db, uses, users[n]!, n, nowMs))
  many(size.objects, (n) => key(db, uses, groups[n % GROUPS]!, n, nowMs))
  const filled = { segments, rules, users, devices, connectors }
  sessions(db, filled, size, nowMs)
  audit(db, users, size.sessions, nowMs)
  denials(db, filled, size, nowMs)
  for (const id of connectors.slice(0, 100)) outages(db, id, nowMs)
  return filled
}

function many<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n))
}

function insert(db: DatabaseSync, table: string, columns: readonly string[]) {
  const marks = columns.map(() => '?').join(',')
  const statement = db.prepare(`insert into ${table} (${columns.join(',')}) values (${marks})`)
  return (...values: (string | number | null)[]) => void statement.run(...values)
}

function objects(db: DatabaseSync, nowMs: number) {
  const row = insert(db, 'object', ['id', 'kind', 'name', 'version', 'spec', 'created_ms', 'updated_ms'])
  const reference = insert(db, 'reference', ['from_kind', 'from_id', 'to_kind', 'to_id'])
  return (kind: ObjectKind, name: string, fields: object): string => {
    const spec = OBJECT_KINDS[kind].spec.parse(fields)
    const id = newId(OBJECT_KINDS[kind].prefix, nowMs)
    row(id, kind, name, 1, JSON.stringify(spec), nowMs, nowMs)
    for (const to of referencesOf(kind, spec)) reference(kind, id, to.kind, to.value)
    return id
  }
}

type Uses = (fromKind: string, fromId: string, toKind: string, toId: string) => void

const HOST = JSON.stringify({ name: 'machine', platform: 'linux', program: 'backstitch' })

function connector(db: DatabaseSync, uses: Uses, group: string, n: number, nowMs: number): string {
  const id = newId('con', nowMs)
  const columns = ['id', 'name', 'group_id', 'public_key_hash', 'thumbprint', 'serial', 'generation']
  const more = ['fingerprint', 'host', 'enabled', 'enrolled_ms', 'not_after_ms', 'version']
  const row = insert(db, 'connector', [...columns, ...more, 'created_ms', 'updated_ms'])
  const hash = sha(`connector${n}`)
  row(
    id,
    `connector${n}`,
    group,
    hash,
    hash,
    hash.slice(0, 16),
    1,
    '{}',
    HOST,
    1,
    nowMs,
    nowMs + 7 * DAY_MS,
    1,
    nowMs,
    nowMs,
  )
  uses('connector', id, 'connector-group', group)
  return id
}

function device(db: DatabaseSync, uses: Uses, user: string, n: number, nowMs: number): string {
  const id = newId('dev', nowMs)
  const columns = ['id', 'name', 'user_id', 'public_key_hash', 'thumbprint', 'serial', 'generation', 'host']
  const more = ['reported_posture', 'assigned_posture', 'enabled', 'enrolled_ms', 'not_after_ms', 'version']
  const row = insert(db, 'device', [...columns, ...more, 'created_ms', 'updated_ms'])
  const hash = sha(`device${n}`)
  row(
    id,
    `laptop${n}`,
    user,
    hash,
    hash,
    hash.slice(0, 16),
    1,
    HOST,
    '{}',
    '{}',
    1,
    nowMs,
    nowMs + DAY_MS,
    1,
    nowMs,
    nowMs,
  )
  uses('client-device', id, 'user', user)
  insert(db, 'sign_in', ['id', 'user_id', 'device_id', 'at_ms', 'end_ms'])(
    newId('sgn'),
    user,
    id,
    nowMs,
    nowMs + DAY_MS,
  )
  return id
}

function key(db: DatabaseSync, uses: Uses, group: string, n: number, nowMs: number): void {
  const id = newId('key', nowMs)
  const columns = ['id', 'name', 'group_id', 'secret_hash', 'uses', 'max_uses', 'expires_ms', 'revoked']
  const row = insert(db, 'provisioning_key', [...columns, 'version', 'created_ms', 'updated_ms'])
  row(id, `key${n}`, group, sha(`key${n}`), 0, 1, nowMs + 30 * DAY_MS, 0, 1, nowMs, nowMs)
  uses('provisioning-key', id, 'connector-group', group)
}

/** Sessions of the last twelve days, two of three told of by both ends. */
function sessions(db: DatabaseSync, filled: Filled, size: LargeStore, nowMs: number): void {
  const { users, devices, segments, rules, connectors } = filled
  const startMs = nowMs - 12 * DAY_MS
  let row: ReturnType<typeof insert> | undefined
  for (let n = 0; n < size.sessions; n++) {
    const atMs = startMs + Math.floor((n / size.sessions) * 12 * DAY_MS)
    const person = (n * 7919) % users.length
    const grant = newId('grt', atMs)
    const state = n % 1000 < size.open * 1000 ? 'open' : 'closed'
    const id = sessionId({ id: grant, expiresMs: atMs + 600_000 }, 0, atMs)
    const closed = state === 'closed' && {
      endedMs: atMs + 5000,
      closeReason: n % 97 === 0 ? 'DIAL_REFUSED' : 'done',
    }
    const side = {
      ...{
        session: id,
        grant,
        state,
        protocol: 'tcp',
        port: 443,
        startedMs: atMs,
        pipe: 'pip_1',
        edge: 'edg_1',
      },
      ...{ times: { policyUs: 100, totalUs: 3000, connectUs: 500 }, bytesUp: 1000, bytesDown: 20_000 },
      ...closed,
    }
    const known = {
      id,
      facts: {
        ...{
          grant,
          user: users[person]!,
          device: devices[person]!,
          connector: connectors[n % connectors.length]!,
        },
        ...{ segment: segments[person]!, rule: rules[person]!, host: `app${person}.corp.example` },
        ...{ userName: `user${person}`, deviceName: `laptop${person}`, segmentName: `app${person}` },
        ...{
          ruleName: `rule${person}`,
          connectorName: `connector${n % connectors.length}`,
          edgeName: 'embedded',
        },
      },
      client: { ...side, side: 'client' },
      connector: n % 3 === 0 ? undefined : { ...side, side: 'connector', address: '10.0.0.7' },
    } as unknown as KnownSession
    const values = sessionRowOf(known, atMs + 5000 + (n % 100))
    const names = Object.keys(values)
    row ??= insert(
      db,
      'session',
      names.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)),
    )
    row(...(Object.values(values) as string[]))
  }
}

function audit(db: DatabaseSync, users: readonly string[], count: number, nowMs: number): void {
  const row = insert(db, 'audit', [
    'seq',
    'time_ms',
    'actor',
    'action',
    'object',
    'detail',
    'prev_hash',
    'hash',
  ])
  let prevHash = '0'.repeat(64)
  for (let seq = 1; seq <= count; seq++) {
    const atMs = nowMs - DAY_MS + seq
    const change = seq % 50 === 0
    const fields = {
      ...{ seq, timeMs: atMs, actor: change ? 'token admin (tok_1)' : `user ${users[seq % users.length]}` },
      ...{
        action: change ? 'segment.update' : 'grant.issue',
        object: change ? `segment ${seq % 1000}` : `grant ${newId('grt', atMs)}`,
      },
      ...{
        detail: '{"host":"app1.corp.example","segment":"app1","rule":"rule1","connector":"connector1"}',
        prevHash,
      },
    }
    const hash = hashOf(fields)
    row(seq, atMs, fields.actor, fields.action, fields.object, fields.detail, prevHash, hash)
    prevHash = hash
  }
  db.prepare("insert or replace into meta values ('audit_head', ?)").run(`${count}:${prevHash}`)
}

/** A tenth as many as sessions. */
function denials(
  db: DatabaseSync,
  { users, devices }: Filled,
  { sessions: count }: LargeStore,
  nowMs: number,
): void {
  const row = insert(db, 'denial', ['id', 'device_id', 'user_id', 'at_ms', 'record'])
  for (let n = 0; n < count / 10; n++) {
    const atMs = nowMs - 12 * DAY_MS + n * 1000
    const id = newId('den', atMs)
    const person = n % users.length
    const fault = {
      code: 'POLICY_DENIED',
      hop: 'policy',
      detail: 'no rule allows it',
      seen: { rule: 'rule1', destination: 'x' },
    }
    const record = {
      ...{ id, atMs, deviceId: devices[person], deviceName: `laptop${person}`, userId: users[person] },
      ...{
        userName: `user${person}`,
        host: 'app1.corp.example',
        port: 443,
        protocol: 'tcp',
        from: '192.0.2.1',
        fault,
      },
    }
    row(id, devices[person]!, users[person]!, atMs, JSON.stringify(record))
  }
}

function outages(db: DatabaseSync, agent: string, nowMs: number): void {
  const row = insert(db, 'outage', ['id', 'agent_id', 'since_ms', 'record'])
  for (let n = 0; n < 200; n++) {
    const sinceMs = nowMs - n * 60_000
    const record = {
      id: newId('out', sinceMs),
      sinceMs,
      endedMs: sinceMs + 1000,
      code: 'TUNNEL_LOST',
      hop: 'edge',
      detail: 'gone',
    }
    row(record.id, agent, sinceMs, JSON.stringify(record))
  }
}

function sha(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
