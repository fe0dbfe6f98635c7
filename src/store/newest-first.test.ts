import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditFilter } from './audit-list.ts'
import { newestFirstCompliance } from './newest-first-compliance.fixture.ts'
import { cursorAfter } from './page.ts'
import type { SessionFilter } from './session-list.ts'
import { issuedGrant, reportedBy, sessionReportOf } from './sessions.fixture.ts'
import { openStore } from './store.ts'

const of = <Value>(values: readonly Value[], number: number): Value => values[number % values.length]!

const ACTORS = ['token ada (tok_1)', 'user:eve', 'system'] as const
const ACTIONS = ['segment.update', 'grant.issue', 'grant.issue', 'user.delete', 'grant.issue'] as const
const OBJECTS = ['segment seg_1', 'grant grt_1', 'user usr_1', ''] as const

newestFirstCompliance({
  title: 'audit log',
  add: (store, number) =>
    store.audit.append({
      ...{ actor: of(ACTORS, number), action: of(ACTIONS, number), object: of(OBJECTS, number) },
      detail: { number },
    }),
  list: (store, query, filter: AuditFilter) => store.audit.list({ ...query, ...filter }),
  key: ({ seq }) => seq,
  filters: {
    actor: [...ACTORS, 'nobody'],
    action: [...ACTIONS, 'user.absent'],
    object: [...OBJECTS, 'user usr_absent'],
  },
  passes: (record, { actor, action, object }) =>
    (actor === undefined || record.actor === actor) &&
    (action === undefined || record.action === action) &&
    (object === undefined || record.object === object),
})

const USERS = ['usr_1', 'usr_2', undefined] as const

newestFirstCompliance({
  title: 'denials',
  add: (store, number) =>
    store.denials.keep({
      ...{ id: `den_${String(number).padStart(6, '0')}`, atMs: number, deviceId: 'dev_1' },
      ...{ userId: of(USERS, number), host: 'wiki.internal', port: 443, protocol: 'tcp' },
      from: '192.0.2.1',
      fault: { code: 'POLICY_DENIED', hop: 'control', detail: 'no' },
    }),
  list: (store, query, filter: { readonly user?: string }) => store.denials.list(query, filter),
  key: ({ id }) => id,
  filters: { user: ['usr_1', 'usr_2', 'usr_absent'] },
  passes: ({ userId }, { user }) => user === undefined || userId === user,
})

const AT_MS = Date.UTC(2026, 5, 1)
const GRANTS = [
  {
    user: 'usr_1',
    device: 'dev_1',
    connector: 'con_1',
    segment: 'seg_1',
    rule: 'rul_1',
    host: 'wiki.internal',
  },
  {
    user: 'usr_1',
    device: 'dev_2',
    connector: 'con_2',
    segment: 'seg_1',
    rule: 'rul_2',
    host: 'wiki.internal',
  },
  { user: 'usr_2', device: 'dev_3', connector: 'con_1', segment: 'seg_2', rule: 'rul_1', host: '192.0.2.7' },
].map(({ user, device, connector, segment, rule, host }) =>
  issuedGrant(
    {
      ...{ userId: user, deviceId: device, connectorId: connector, segmentId: segment, ruleId: rule, host },
    },
    AT_MS,
  ),
)
const REASONS = ['done', 'done', 'done', 'TUNNEL_LOST', 'APP_REFUSED'] as const

newestFirstCompliance({
  title: 'sessions',
  async add(store, number) {
    const grant = of(GRANTS, number)
    const state = number % 4 === 0 ? 'open' : 'closed'
    const closing = state === 'closed' ? { closeReason: of(REASONS, number) } : {}
    const report = sessionReportOf(grant, number, { side: 'connector', state, ...closing })
    const merged = store.sessions.merge(reportedBy(grant, report))
    void store.sessions.flush()
    await merged
  },
  list: (store, query, filter: SessionFilter) => store.sessions.list(query, filter),
  key: ({ id }) => id,
  filters: {
    state: ['open', 'closed'],
    user: ['usr_1', 'usr_2', 'usr_absent'],
    device: ['dev_1', 'dev_2', 'dev_3', 'dev_absent'],
    connector: ['con_1', 'con_2', 'con_absent'],
    segment: ['seg_1', 'seg_2', 'seg_absent'],
    rule: ['rul_1', 'rul_2', 'rul_absent'],
    host: ['wiki.internal', '192.0.2.7', 'absent.internal'],
    closeReason: ['done', 'TUNNEL_LOST', 'APP_REFUSED', 'EDGE_BUSY'],
  },
  passes: (session, filter) =>
    Object.entries(filter).every(([name, wanted]) => session[name as keyof SessionFilter] === wanted),
})

test('audit log: a cursor of a list that is ordered by names is refused, not taken for its end', async () => {
  await using store = await openStore({ file: ':memory:' })
  await store.audit.append({ actor: 'system', action: 'a.b', object: '' })
  for (const filter of [{}, { actor: 'system', action: 'a.b' }])
    await assert.rejects(store.audit.list({ limit: 5, cursor: cursorAfter('dc1-a'), ...filter }), {
      code: 'INVALID',
      seen: { pointer: '/cursor' },
    })
})
