import type { Steps } from '../base/slices.ts'
import { type RequestTest, SharedTests, testOf } from './conditions.ts'
import type { AccessRequest, Conditions, PolicyRule } from './rule.ts'

/** Conditions that are lists of ids, each with the ids that a request has. */
const LISTS = {
  segments: ({ segment }) => [segment.id],
  segmentGroups: ({ segment }) => (segment.segmentGroup === undefined ? [] : [segment.segmentGroup]),
  users: ({ user }) => [user.id],
  userGroups: ({ user }) => user.groups,
  devices: ({ device }) => [device.id],
} as const satisfies { readonly [Name in keyof Conditions]?: (request: AccessRequest) => readonly string[] }
type List = keyof typeof LISTS
const LIST_NAMES = Object.keys(LISTS) as List[]
const BESIDES_DEVICES = LIST_NAMES.filter((name) => name !== 'devices')

/** A rule with its place in the order they are asked. */
export interface Placed {
  readonly at: number
  readonly rule: PolicyRule
  /** Whether all of its conditions do. */
  readonly holds: RequestTest
}

/** Of rules, in the order they are asked. */
type RulePlaces = Uint32Array

/** As many rules are looked through to say what would have made a denial a yes. */
const NEAR_RULES = 256

/**
 * Enabled rules by what they are about. Of ten thousand rules that each let one person to one application, a request
 * asks the few that it can match: a rule is filed under one of its lists of ids, the one whose ids the fewest other
 * rules have in common.
 */
export class RuleIndex {
  readonly #filed = filing()
  /** Those that are filed under devices, by what else they name. */
  readonly #onDevices = filing()
  /** Those that have no list of ids. */
  readonly #others: number[] = []
  /** Each at its place. */
  #placed: readonly Placed[] = []
  /** Of each whether its conditions hold, the list aside that it is filed under: whoever finds it there has seen that. */
  readonly #holdsElse: RequestTest[] = []
  /** The first rules that allow, by the segment or segment group they name, or by EVERYTHING. */
  readonly #allowing = new Map<string, Placed[]>()
  readonly #firstAllowing: Placed[] = []
  readonly #byId = new Map<string, PolicyRule>()

  static *of(rules: readonly PolicyRule[]): Steps<RuleIndex> {
    const index = new RuleIndex()
    for (const rule of rules) index.#byId.set(rule.id, rule)
    const shared = new SharedTests()
    const placed: Placed[] = []
    for (const rule of rules.filter(({ enabled }) => enabled).sort(byOrder)) {
      placed.push({ at: placed.length, rule, holds: testOf(rule.conditions, shared) })
      yield
    }
    index.#placed = placed
    const common = yield* commonness(placed)
    for (const one of placed) {
      index.#holdsElse.push(testOf(one.rule.conditions, shared, index.#file(one, common)))
      if (one.rule.action === 'allow') index.#remember(one)
      yield
    }
    return index
  }

  /** The disabled too. */
  byId(id: string): PolicyRule | undefined {
    return this.#byId.get(id)
  }

  /** In the order they are asked: all that are enabled. */
  get all(): readonly Placed[] {
    return this.#placed
  }

  /** Places of every rule that may hold for the request, and of few others, in the order they are asked. */
  about(request: AccessRequest): RulePlaces {
    return sorted(this.#placesNaming((name) => LISTS[name](request)))
  }

  /** The first that holds. */
  decides(request: AccessRequest, about: RulePlaces = this.about(request)): Placed | undefined {
    const at = about.find((at) => this.#holdsElse[at]!(request))
    return at === undefined ? undefined : this.#placed[at]
  }

  /** In the order they are asked: those of `about`, and what would have to be asked if the user had another device. */
  aboutAnyDevice(request: AccessRequest): Iterable<Placed> {
    const places = this.#placesNaming((name) => LISTS[name](request))
    for (const name of LIST_NAMES) {
      for (const id of LISTS[name](request)) add(places, this.#onDevices[name].get(id))
    }
    return this.#at(places)
  }

  /** In the order they are asked: every rule each of whose lists has one of these ids, and few others. */
  naming(ids: (list: List) => readonly string[]): Placed[] {
    return [...this.#at(this.#placesNaming(ids))]
  }

  #placesNaming(ids: (list: List) => readonly string[]): number[] {
    const places = [...this.#others]
    for (const name of LIST_NAMES) for (const id of ids(name)) add(places, this.#filed[name].get(id))
    return places
  }

  /** In order, each once: numbers are sorted many times faster than what they stand for. */
  *#at(places: readonly number[]): Generator<Placed> {
    let last = -1
    for (const at of sorted(places)) {
      if (at !== last) yield this.#placed[at]!
      last = at
    }
  }

  /** Rules that allow and were asked before `end`, in this order: those a denial can be explained with. */
  allowingBefore(end: number, request: AccessRequest, about: RulePlaces): PolicyRule[] {
    const before = ({ at, rule }: Placed) => at < end && rule.action === 'allow'
    const named = [request.segment.id, request.segment.segmentGroup ?? '', EVERYTHING]
    const places: Placed[] = []
    for (const at of about) {
      if (at >= end || places.length >= NEAR_RULES) break
      const placed = this.#placed[at]!
      if (before(placed)) places.push(placed)
    }
    for (const id of named) places.push(...(this.#allowing.get(id) ?? []).filter(before))
    const near = [...this.#at(places.map(({ at }) => at))]
    return (near.length > 0 ? near : this.#firstAllowing.filter(before)).map(({ rule }) => rule)
  }

  /** @returns The list it is filed under, if any. */
  #file(placed: Placed, common: Commonness): List | undefined {
    const best = rarest(placed, common, LIST_NAMES)
    if (best === undefined) this.#others.push(placed.at)
    else for (const id of new Set(placed.rule.conditions[best])) push(this.#filed[best], id, placed.at)
    const second = best === 'devices' ? rarest(placed, common, BESIDES_DEVICES) : undefined
    if (second !== undefined) {
      for (const id of new Set(placed.rule.conditions[second])) push(this.#onDevices[second], id, placed.at)
    }
    return best
  }

  #remember(placed: Placed): void {
    if (this.#firstAllowing.length < NEAR_RULES) this.#firstAllowing.push(placed)
    const { segments, segmentGroups } = placed.rule.conditions
    for (const id of new Set(segments ?? segmentGroups ?? [EVERYTHING])) {
      if ((this.#allowing.get(id)?.length ?? 0) < NEAR_RULES) push(this.#allowing, id, placed)
    }
  }
}

const EVERYTHING = '*'

type Commonness = { readonly [Name in List]: ReadonlyMap<string, number> }

/** Of these lists of a rule the one whose ids the fewest rules name; none if it has none of them. */
function rarest({ rule }: Placed, common: Commonness, names: readonly List[]): List | undefined {
  let best: List | undefined
  let least = Number.POSITIVE_INFINITY
  for (const name of names) {
    const ids = rule.conditions[name]
    if (ids === undefined) continue
    const most = ids.reduce((sum, id) => Math.max(sum, common[name].get(id)!), 0)
    if (most >= least) continue
    least = most
    best = name
  }
  return best
}

/** How many rules name each id. */
function* commonness(placed: readonly Placed[]): Steps<Commonness> {
  const counts = Object.fromEntries(LIST_NAMES.map((name) => [name, new Map<string, number>()]))
  for (const { rule } of placed) {
    for (const name of LIST_NAMES) {
      const count = counts[name]!
      for (const id of rule.conditions[name] ?? []) count.set(id, (count.get(id) ?? 0) + 1)
    }
    yield
  }
  return counts as unknown as Commonness
}

function byOrder(a: PolicyRule, b: PolicyRule): number {
  return a.order - b.order || (a.id < b.id ? -1 : 1)
}

type Filing = { readonly [Name in List]: Map<string, number[]> }

function filing(): Filing {
  return Object.fromEntries(LIST_NAMES.map((name) => [name, new Map()])) as unknown as Filing
}

function sorted(places: readonly number[]): RulePlaces {
  return new Uint32Array(places).sort()
}

function add(places: number[], more: readonly number[] | undefined): void {
  if (more !== undefined) for (const at of more) places.push(at)
}

function push<Item>(lists: Map<string, Item[]>, key: string, item: Item): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}
