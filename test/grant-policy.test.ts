/** What is signed says no more, and no less, than what was decided; and is asked about again in the same words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../src/base/clock.ts'
import { Fault } from '../src/base/faults.ts'
import { GrantScope } from '../src/connector/dial/grant-scope.ts'
import { CLIENT_KIND, permit } from '../src/control/access/authorize.ts'
import { makeGrant } from '../src/control/access/make-grant.ts'
import { objection } from '../src/control/access/objection.ts'
import { enrolDevice, enrolledConnector, put } from '../src/control/agents/control.fixture.ts'
import { loadPolicy } from '../src/control/base/policy-now.ts'
import type { PolicySnapshot } from '../src/control/base/snapshot.ts'
import { type Grant, verifyGrant } from '../src/pki/grant.ts'
import { newSigningKey, verifyKeys } from '../src/pki/signing-keys.ts'
import { canonicalHost } from '../src/policy/destination.ts'
import type { Candidate } from '../src/policy/select.ts'
import type { DeviceRecord } from '../src/store/device-record.ts'
import type { IssuedGrant } from '../src/store/revocations.ts'
import { openStore, type Store } from '../src/store/store.ts'

/** Few names and networks, so that segments name the same ones and each other's. */
const HOSTS = ['a.corp.example', 'b.corp.example', 'corp.example', 'b.evil-corp.example'].concat([
  '10.1.2.3',
  '10.9.9.9',
  '::ffff:10.1.2.3',
  'fd00:1::5',
  '2001:db8::1',
])
const DOMAINS = ['a.corp.example', '*.corp.example']
const CIDRS = ['10.0.0.0/8', '10.1.0.0/16', 'fd00:1::/32']
/** More pieces than a grant has room for. */
const MANY = Array.from({ length: 64 }, (_, i) => `${100 + 2 * i}`)
const RANGES = ['22', '80', '1-1024', '400-500', '20-90']
const PORTS = [1, 21, 22, 23, 80, 100, 101, 226, 227, 399, 443, 501, 1024, 1025, 65_535]
const PROTOCOLS = ['tcp', 'udp'] as const

const some = <T>(of: readonly T[], maxLength = 2) => fc.uniqueArray(fc.constantFrom(...of), { maxLength })
const ports = fc.oneof({ weight: 4, arbitrary: some(RANGES, 3) }, { weight: 1, arbitrary: fc.constant(MANY) })
const usually = fc.integer({ min: 0, max: 9 }).map((one) => one > 0)
const segment = fc.record({
  domains: fc.oneof(
    { weight: 2, arbitrary: fc.constant<string[]>([DOMAINS[0]!]) },
    { weight: 1, arbitrary: some(DOMAINS) },
  ),
  cidrs: some(CIDRS, 3),
  ...{ tcp: ports, udp: ports, enabled: usually },
})
const segments = fc.array(segment, { minLength: 2, maxLength: 4 })
const place = fc.integer({ min: 0, max: 3 })
const rule = fc.record({
  action: fc.constantFrom('allow' as const, 'deny' as const),
  /** By place among the segments; none: any. */
  about: fc.option(fc.uniqueArray(place, { minLength: 1, maxLength: 2 })),
  mine: fc.constantFrom(null, null, true, false),
  enabled: usually,
})
/** The last one mostly allows what those before it do not deny. */
const rules = fc
  .tuple(fc.array(rule, { maxLength: 3 }), usually)
  .map(([first, enabled]): RuleOf[] => [...first, { action: 'allow', about: null, mine: null, enabled }])
/** What is new of each segment, of the rules, of the user: mostly one of them. */
const change = fc.record({
  segments: fc.array(fc.option(segment, { freq: 2 }), { minLength: 4, maxLength: 4 }),
  rules: fc.option(rules, { freq: 2 }),
  enabled: usually,
})
type Policy = { segments: SegmentOf[]; rules: RuleOf[] }
type SegmentOf = { domains: string[]; cidrs: string[]; tcp: string[]; udp: string[]; enabled: boolean }
type RuleOf = { action: 'allow' | 'deny'; about: number[] | null; mine: boolean | null; enabled: boolean }

/** A store with one user, one device, one connector, and a policy that is written anew for each look. */
async function world() {
  const store = await openStore({ file: ':memory:' })
  const group = await put(store, 'connector-group', 'dc1')
  const servers = await put(store, 'server-group', 'servers', { connectorGroups: [group.id] })
  const user = await put(store, 'user', 'ada')
  const other = await put(store, 'user', 'bob')
  const device = await enrolDevice(store, user.id, 'laptop')
  const connector = await enrolledConnector(store, group.id, 'con')
  let made: { kind: 'segment' | 'access-rule'; id: string }[] = []
  return {
    ...{ store, user, device, connector },
    /** Segments keep their ids, in order; so a change is one of the same segments. */
    async declare(policy: Policy): Promise<PolicySnapshot> {
      return store
        .transaction(async (tx) => {
          const before = made
          made = []
          for (const { kind, id } of before.filter(({ kind }) => kind === 'access-rule'))
            await tx.objects.delete(kind, id)
          const old = before.filter(({ kind }) => kind === 'segment')
          const ids: string[] = []
          for (const [at, spec] of policy.segments.entries()) {
            const { id } = await put(
              tx as unknown as Store,
              'segment',
              `s${at}`,
              { ...full(spec), serverGroups: [servers.id] },
              old[at]?.id,
            )
            ids.push(id)
            made.push({ kind: 'segment', id })
          }
          for (const { id } of old.slice(policy.segments.length)) await tx.objects.delete('segment', id)
          for (const [order, { about, mine, ...rule }] of policy.rules.entries()) {
            const named = about?.flatMap((at) => ids[at] ?? [])
            const conditions = {
              ...(named && { segments: named }),
              ...(mine !== null && { users: [mine ? user.id : other.id] }),
            }
            const { id } = await put(tx as unknown as Store, 'access-rule', `r${order}`, {
              ...rule,
              order,
              conditions,
            })
            made.push({ kind: 'access-rule', id })
          }
          return undefined
        })
        .then(() => loadPolicy(store))
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** A segment names something, and a port of it. */
function full({ domains, cidrs, tcp, udp, enabled }: SegmentOf): SegmentOf {
  return {
    domains: domains.length + cidrs.length > 0 ? domains : ['a.corp.example'],
    tcp: tcp.length + udp.length > 0 ? tcp : ['80'],
    ...{ cidrs, udp, enabled },
  }
}

const key = newSigningKey(Date.now())
const keys = verifyKeys('grant', [key.publicJwk])
const thumbprint = 'ab'.repeat(32)
type World = Awaited<ReturnType<typeof world>>

function asked(w: World, host: string, port: number, protocol: 'tcp' | 'udp') {
  const who = { user: w.user.id, device: w.device.id, posture: {}, clientKind: CLIENT_KIND }
  return { ...who, host, port, protocol, nowMs: Date.now() }
}

/** The permission, or the code of the refusal. */
function says(policy: PolicySnapshot, w: World, host: string, port: number, protocol: 'tcp' | 'udp') {
  try {
    return permit(policy, asked(w, host, port, protocol))
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    return undefined
  }
}

/** Every grant that this user can have, as a connector reads it. */
async function everyGrant(policy: PolicySnapshot, w: World): Promise<{ grant: Grant; live: IssuedGrant }[]> {
  const made = new Map<string, { grant: Grant; live: IssuedGrant }>()
  for (const host of HOSTS) {
    for (const protocol of PROTOCOLS) {
      for (const port of PORTS) {
        const permitted = says(policy, w, host, port, protocol)
        if (permitted === undefined) continue
        const to = {
          ...{ user: w.user.id, userName: 'ada', device: w.device.id, thumbprint, port, protocol },
          notAfterMs: Date.now() + 3_600_000,
        }
        const candidate = { id: w.connector.id, name: 'con' } as Candidate
        const deps = { tenant: 'tnt_1', clock: systemClock }
        const { jws, live } = await makeGrant(deps, key, to, permitted, candidate)
        const same = JSON.stringify([live.host, live.segmentId, live.ports])
        if (made.has(same)) continue
        const expect = { tenant: 'tnt_1', connector: w.connector.id, thumbprint, nowMs: Date.now() }
        made.set(same, { grant: await verifyGrant(keys, jws, expect), live })
      }
    }
  }
  return [...made.values()]
}

function lets(scope: GrantScope, host: string, port: number, protocol: 'tcp' | 'udp'): boolean {
  try {
    scope.check({ session: '', grant: '', host: canonicalHost(host), port, protocol })
    return true
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'DESTINATION_OUTSIDE_GRANT', String(error))
    return false
  }
}

const RUNS = { numRuns: 30 }

test('some grant of a user lets a destination through exactly if policy says yes to it', async () => {
  await using w = await world()
  await fc.assert(
    fc.asyncProperty(fc.record({ segments, rules }), async (declared) => {
      const policy = await w.declare(declared)
      const scopes = (await everyGrant(policy, w)).map(({ grant }) => new GrantScope(grant))
      for (const host of HOSTS) {
        for (const protocol of PROTOCOLS) {
          for (const port of PORTS) {
            const allowed = says(policy, w, host, port, protocol) !== undefined
            const through = scopes.some((scope) => lets(scope, host, port, protocol))
            assert.equal(through, allowed, `${protocol} ${host}:${port}`)
          }
        }
      }
    }),
    RUNS,
  )
})

test('after any change, a grant stands exactly if policy says yes to what it is for', async () => {
  await using w = await world()
  const device = (await w.store.devices.byId(w.device.id))!
  await fc.assert(
    fc.asyncProperty(fc.record({ segments, rules }), change, async (before, { enabled, ...news }) => {
      const after = {
        segments: before.segments.map((one, at) => news.segments[at] ?? one),
        rules: news.rules ?? before.rules,
      }
      const grants = await everyGrant(await w.declare(before), w)
      const user = await w.store.objects.get('user', w.user.id)
      await w.store.objects.put({ ...user, spec: { ...user.spec, enabled } })
      const policy = await w.declare(after)
      const holder = { device: device as DeviceRecord, nowMs: Date.now() }
      for (const { live } of grants) {
        const [protocol] = PROTOCOLS.filter((one) => live.ports![one].length > 0)
        const [[port]] = live.ports![protocol!] as [[number, number]]
        const allowed = says(policy, w, live.host, port, protocol!) !== undefined
        const why = objection(policy, live, holder)?.why
        assert.equal(why === undefined, allowed, `${protocol} ${live.host}:${port}: ${why}`)
      }
      await w.store.objects.put({
        ...(await w.store.objects.get('user', w.user.id)),
        spec: { ...user.spec, enabled: true },
      })
    }),
    RUNS,
  )
})
