import type { ObjectKind } from '../../api/kinds.ts'
import { inSlices, nextTurn, turnIsOver } from '../../base/slices.ts'
import { canonicalCidr } from '../../policy/destination.ts'
import { RuleIndex } from '../../policy/rule-index.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import { SegmentIndex } from '../../policy/segment-index.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { Repositories } from '../../store/store.ts'
import { Derivation } from './derivation.ts'
import { type KeptKind, type KeptObjects, latestObjects, readObjects } from './kept-objects.ts'
import {
  internetNames,
  NOWHERE,
  policyRule,
  policySegment,
  reachOf,
  type ServerReach,
  type UnreadableObject,
  whyUnreadable,
} from './policy-objects.ts'
import { SegmentsBehind } from './segments-behind.ts'
import type { PolicySnapshot, PolicyUser, WrongKind } from './snapshot.ts'

/** A policy with what it was made of: the next one is made of what has changed since. */
export interface PolicyReading {
  readonly policy: PolicySnapshot
  readonly objects: KeptObjects
  readonly derivation: Derivation
}

/** Everything a decision rests on, read within one transaction and in slices. */
export async function readPolicy(tx: Repositories): Promise<PolicySnapshot> {
  return (await readPolicyAfter(tx)).policy
}

/** As readPolicy. Only what has changed since `before` is read again, and only what rests on it is made anew. */
export async function readPolicyAfter(tx: Repositories, before?: PolicyReading): Promise<PolicyReading> {
  const latest = latestObjects(tx)
  const known = before && latest && latest.mark > before.objects.mark ? latest : before?.objects
  const objects = await readObjects(tx, known)
  const derivation = new Derivation(before?.derivation)
  return { policy: await policyOf(objects, derivation), objects, derivation }
}

async function policyOf(
  { version, kinds, connectors }: KeptObjects,
  derived: Derivation,
): Promise<PolicySnapshot> {
  const groups = await derived.part('groups', [kinds['connector-group']], () =>
    readGroups(kinds['connector-group']),
  )
  const reaches = await derived.part('reaches', [kinds.server, kinds['server-group'], groups], () =>
    readReaches(kinds.server, kinds['server-group'], groups.enabled),
  )
  const segments = await derived.part('segments', [kinds.segment, kinds['segment-group'], reaches], () =>
    readSegments(kinds.segment, kinds['segment-group'], reaches.behind),
  )
  const rules = await derived.part('rules', [kinds['access-rule'], kinds['posture-fact']], () =>
    readRules(kinds['access-rule'], kinds['posture-fact']),
  )
  const users = await derived.part('users', [kinds.user], () => readUsers(kinds.user))
  const internet = await derived.part('internet', [kinds['internet-rule']], () =>
    readInternetRules(kinds['internet-rule']),
  )
  const edges = await derived.part('edges', [kinds.edge], () => readEdges(kinds.edge))
  const unreadable = new Map<string, UnreadableObject>()
  for (const part of [groups, reaches, segments, rules, users, internet, edges]) {
    for (const [id, one] of part.unreadable) if (!unreadable.has(id)) unreadable.set(id, one)
  }
  const { members, byId } = await derived.part('members', [connectors], async () => ({
    members: Map.groupBy(connectors, (connector) => connector.groupId),
    byId: new Map(connectors.map((connector) => [connector.id, connector])),
  }))
  const groupsOf = (segment: PolicySegment, ...tiers: readonly ('connectorGroups' | 'failoverGroups')[]) => {
    // A thousand server groups with a thousand connector groups each are never one list.
    const found = new Set<string>()
    for (const tier of tiers)
      for (const id of segment.serverGroups)
        for (const group of reaches.behind.get(id)?.[tier] ?? []) found.add(group)
    return found
  }
  const connectorGroupsOf = (segment: PolicySegment) => [
    ...groupsOf(segment, 'connectorGroups', 'failoverGroups'),
  ]
  const behind: SegmentsBehind = await derived.part('behind', [segments.made, reaches], (before) =>
    inSlices(
      before?.from[1] === reaches
        ? SegmentsBehind.after(before.made, segments.made, connectorGroupsOf)
        : SegmentsBehind.of(segments.made, connectorGroupsOf),
    ),
  )
  return {
    ...{ version, unreadable, segments: segments.made, internetRules: internet.made, users: users.byId },
    destinations: await derived.part('destinations', [segments], (before) =>
      inSlices(before ? SegmentIndex.after(before.made, segments.made) : SegmentIndex.of(segments.made)),
    ),
    rules: await derived.part('index of rules', [rules], () => inSlices(RuleIndex.of(rules.made))),
    connectorGroupsOf,
    failoverGroupsOf(segment) {
      return [...groupsOf(segment, 'failoverGroups').difference(groupsOf(segment, 'connectorGroups'))]
    },
    segmentsBehind: (group) => behind.of(group),
    wrongKinds: (ids) => ids.flatMap((id) => groups.wrong.get(id) ?? []),
    members: (ids) => ids.flatMap((id) => members.get(id) ?? []),
    connector: (id) => byId.get(id),
  }
}

async function readGroups(kind: KeptKind<'connector-group'>) {
  const enabled = new Set<string>()
  const wrong = new Map<string, WrongKind>()
  const notes = new Notes()
  await notes.each(kind, ({ id, name, spec }) => {
    if (spec.enabled) enabled.add(id)
    if (spec.connectorKind !== 'app') wrong.set(id, { id, name, kind: spec.connectorKind })
  })
  return { enabled, wrong, unreadable: notes.unreadable }
}

async function readReaches(
  servers: KeptKind<'server'>,
  groups: KeptKind<'server-group'>,
  enabledGroups: ReadonlySet<string>,
) {
  const notes = new Notes()
  const addresses = new Map<string, string>()
  await notes.each(servers, ({ id, spec }) => {
    if (spec.enabled) addresses.set(id, canonicalCidr(spec.address))
  })
  const behind = new Map<string, ServerReach>()
  await notes.each(groups, (group) => {
    behind.set(group.id, NOWHERE) // And there it stays if it cannot be read.
    behind.set(group.id, reachOf(group, addresses, enabledGroups))
  })
  return { behind, unreadable: notes.unreadable }
}

async function readSegments(
  kind: KeptKind<'segment'>,
  segmentGroups: KeptKind<'segment-group'>,
  behind: ReadonlyMap<string, ServerReach>,
) {
  const notes = new Notes()
  const groups = new Set<string>()
  await notes.each(segmentGroups, ({ id, spec }) => {
    if (spec.enabled) groups.add(id)
  })
  const made = await notes.each(kind, (stored) => {
    const { enabled, segmentGroup: group } = stored.spec
    const segment = segmentOf(stored, enabled && (group === undefined || groups.has(group)), behind)
    if (segment.unreadable !== undefined) notes.note(stored, segment.unreadable)
    return segment
  })
  return { made, unreadable: notes.unreadable }
}

/** As policySegment: the one of before where it was made of the same. */
function segmentOf(
  stored: StoredObject<'segment'>,
  enabled: boolean,
  behind: ReadonlyMap<string, ServerReach>,
): PolicySegment {
  const before = SEGMENTS.get(stored)
  if (before?.enabled === enabled && before.behind === behind) return before.segment
  const segment = policySegment(stored, enabled, behind)
  SEGMENTS.set(stored, { enabled, behind, segment })
  return segment
}

const SEGMENTS = new WeakMap<
  StoredObject<'segment'>,
  {
    readonly enabled: boolean
    readonly behind: ReadonlyMap<string, ServerReach>
    readonly segment: PolicySegment
  }
>()

/** As policyRule: the one of before where it was made of the same. */
function ruleOf(
  stored: StoredObject<'access-rule'>,
  facts: ReadonlyMap<string, string>,
  factsOf: KeptKind<'posture-fact'>,
): ReturnType<typeof policyRule> {
  const before = RULES.get(stored)
  if (before?.factsOf === factsOf) return before.read
  const read = policyRule(stored, facts)
  RULES.set(stored, { factsOf, read })
  return read
}

const RULES = new WeakMap<
  StoredObject<'access-rule'>,
  { readonly factsOf: KeptKind<'posture-fact'>; readonly read: ReturnType<typeof policyRule> }
>()

async function readRules(kind: KeptKind<'access-rule'>, postureFacts: KeptKind<'posture-fact'>) {
  const notes = new Notes()
  const facts = new Map<string, string>()
  await notes.each(postureFacts, ({ id, name }) => facts.set(id, name))
  const rules = await notes.each(kind, (stored) => {
    const { rule, unreadable } = ruleOf(stored, facts, postureFacts)
    if (unreadable !== undefined) notes.note(stored, unreadable)
    return rule
  })
  return { made: rules.filter((rule) => rule !== undefined), unreadable: notes.unreadable }
}

async function readUsers(kind: KeptKind<'user'>) {
  const notes = new Notes()
  const byId = new Map<string, PolicyUser>()
  await notes.each(kind, ({ id, name, spec: { enabled, groups } }) => {
    byId.set(id, { name, enabled, groups: [...groups] })
  })
  return { byId, unreadable: notes.unreadable }
}

async function readInternetRules(kind: KeptKind<'internet-rule'>) {
  const notes = new Notes()
  const made: { name: string; domains: readonly string[] }[] = []
  await notes.each(kind, (stored) => {
    const { domains, unreadable: why } = internetNames(stored)
    if (why !== undefined) notes.note(stored, why)
    if (stored.spec.enabled) made.push({ name: stored.name, domains })
  })
  return { made, unreadable: notes.unreadable }
}

async function readEdges(kind: KeptKind<'edge'>) {
  const notes = new Notes()
  await notes.each(kind, (stored) => {
    const why = whyUnreadable(stored)
    if (why !== undefined) notes.note(stored, why)
  })
  return { unreadable: notes.unreadable }
}

/** Gives each stored object to what makes something of it; one that cannot be read is noted, and the rest goes on. */
class Notes {
  readonly unreadable = new Map<string, UnreadableObject>()

  async each<K extends ObjectKind, Result>(
    { objects, noJson }: KeptKind<K>,
    make: (object: StoredObject<K>) => Result,
  ): Promise<Result[]> {
    const made: Result[] = []
    for (const object of objects) {
      const why = noJson.get(object.id)
      if (why !== undefined) this.note(object, why)
      try {
        made.push(make(object))
      } catch (error) {
        this.note(object, String(error))
      }
      if (turnIsOver()) await nextTurn()
    }
    return made
  }

  /** The first reason stays. */
  note({ kind, id, name }: StoredObject, why: string): void {
    if (!this.unreadable.has(id)) this.unreadable.set(id, { kind, id, name, why })
  }
}
