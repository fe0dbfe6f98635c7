/** Lint over a real store: documents are applied as a person applies them, and what is found is looked at. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDocuments } from '../../api/documents.ts'
import type { LintFinding } from '../../api/lint.ts'
import type { Reachability } from '../../policy/edge-choice.ts'
import { openStore, type Store } from '../../store/store.ts'
import { execute } from '../apply/execute.ts'
import { prepare } from '../apply/prepare.ts'
import { concerning } from './lint.ts'
import { CASES, type CaseMember, DAY_MS, type LintCase, SOUND, TWO } from './lint-cases.fixture.ts'
import { lintEverything, warningsAbout } from './warnings.ts'

const NOW_MS = Date.UTC(2026, 10, 21)
for (const { name, more, members = TWO, key, finds, says } of CASES) {
  test(`lint: ${name}: ${finds.join(', ') || 'nothing'}`, async () => {
    let nowMs = NOW_MS
    await using store = await openStore({ file: ':memory:', clock: clockOf(() => nowMs) })
    await apply(store, SOUND)
    nowMs++ // Of two segments that claim one name the older decides.
    if (more !== undefined) await apply(store, more)
    const seen = await enrol(store, members)
    if (key !== undefined) {
      nowMs = NOW_MS - key.ageMs
      await makeKey(store, key, nowMs)
      nowMs = NOW_MS
    }
    const deps = { clock: clockOf(() => nowMs), presence: { connector: (id: string) => seen.get(id) } }
    const { findings, examined } = await store.transaction((tx) => lintEverything(tx, deps))
    assert.deepEqual(findings.map(short), finds)
    assert.ok(examined >= 8)
    const text = findings.map((one) => `${one.reason}; ${one.consequence}; ${one.fix}`).join('\n')
    if (says !== undefined) assert.match(text, says)
    // Whoever writes one of them is told what a look at everything says of it, no more and no less.
    for (const id of new Set(
      findings.flatMap(({ object, others }) => [object, ...others].map((one) => one.id)),
    )) {
      const told = await store.transaction((tx) => warningsAbout(tx, deps, [id]))
      assert.deepEqual(told, concerning(findings, new Set([id])), id)
    }
    assert.deepEqual(await store.transaction((tx) => warningsAbout(tx, deps, ['seg_other'])), [])
  })
}

test('ten thousand segments and as many rules are looked through in a moment', async () => {
  await using store = await openStore({ file: ':memory:', clock: clockOf(() => NOW_MS) })
  await apply(store, SOUND)
  const many = Array.from({ length: 10_000 }, (_, at) =>
    [
      `kind: segment\nname: s${at}\ndomains: [a${at}.apps.example]\ntcp: ["443"]\nserverGroups: [web]`,
      `kind: access-rule\nname: r${at}\norder: ${100 + at}\naction: allow\nconditions: { userGroups: [staff], segments: [s${at}] }`,
    ].join('\n---\n'),
  )
  for (let at = 0; at < many.length; at += 2000) {
    await apply(store, many.slice(at, at + 2000).join('\n---\n'))
  }
  await enrol(store, TWO)
  const deps = { clock: clockOf(() => NOW_MS), presence: { connector: () => undefined } }
  const before = process.threadCpuUsage()
  const { findings } = await store.transaction((tx) => lintEverything(tx, deps))
  const { user, system } = process.threadCpuUsage(before)
  assert.deepEqual(findings, [])
  // Each with each takes minutes. Computing time: a busy machine changes it little.
  const cpuMs = (user + system) / 1000
  assert.ok(cpuMs < 10_000, `it took ${Math.round(cpuMs)} ms`)
})

function short({ code, object }: LintFinding): string {
  return `${code} ${object.kind} ${object.name}`
}

function clockOf(nowMs: () => number) {
  return { nowMs, monotonicUs: () => 0 }
}

async function apply(store: Store, text: string): Promise<void> {
  const prepared = await prepare(store, [...readDocuments(text, 'test.yaml').documents])
  await store.transaction((tx) => execute(tx, prepared, { prune: false }))
}

async function enrol(store: Store, members: readonly CaseMember[]) {
  const seen = new Map<string, { address: string; edges?: Reachability; overload?: object }>()
  for (const { name, group = 'dc1', enabled = true, address, edges, ...more } of members) {
    const { certificateLeftMs, least, overloaded } = more
    const { id: groupId } = await store.objects.get('connector-group', group)
    const { id } = await store.connectors.create({
      ...{ thumbprint: name, serial: name, generation: 1, fingerprint: {}, publicKeyHash: name, name },
      notAfterMs: NOW_MS + (certificateLeftMs ?? 5 * DAY_MS),
      host: { name, platform: 'linux', program: 'test' },
      groupId,
    })
    if (!enabled) await store.connectors.update(id, { enabled })
    if (address === undefined && edges === undefined) continue
    const measured = Object.entries(edges ?? {}).map(
      ([edge, rttUs]) => [edge, { rttUs, leastUs: least?.[edge] }] as const,
    )
    const overload = overloaded ? {} : undefined
    seen.set(id, { address: address ?? '127.0.0.1', edges: new Map(measured), overload })
  }
  return seen
}

async function makeKey(store: Store, key: NonNullable<LintCase['key']>, madeMs: number): Promise<void> {
  const { id: groupId } = await store.objects.get('connector-group', 'dc1')
  const expiresMs = madeMs + key.lifeMs
  await store.keys.create({ name: 'k', groupId, secretHash: 's', maxUses: key.maxUses, expiresMs })
  for (let use = 0; use < key.uses; use++) await store.keys.consume('s', `p${use}`, madeMs)
  if (key.revoked) await store.keys.update('k', { revoked: true })
}

test('lint: an edge whose certificate was not renewed in time: CERT_EXPIRED edge berlin', async () => {
  await using store = await openStore({ file: ':memory:', clock: clockOf(() => NOW_MS) })
  await apply(store, 'kind: edge\nname: berlin\nhost: berlin.example\nport: 443')
  const { id } = await store.objects.get('edge', 'berlin')
  await store.edges.put({
    ...{ id, thumbprint: 't', serial: '1', publicKeyHash: 'p', generation: 1 },
    notAfterMs: NOW_MS + 4 * DAY_MS,
    host: { name: 'berlin', platform: 'linux', program: 'test' },
  })
  const deps = { clock: clockOf(() => NOW_MS), presence: { connector: () => undefined } }
  const { findings } = await store.transaction((tx) => lintEverything(tx, deps))
  assert.deepEqual(findings.map(short), ['CERT_EXPIRED edge berlin'])
})
