/** The conditions of a rule, each with what it wants and what it sees. */
import { intersects } from './intersects.ts'
import type { AccessRequest, Conditions, FailingCondition, PostureValue } from './rule.ts'
import { isWithinWindow, localTime } from './time-window.ts'

type Test<Name extends keyof Conditions> = (
  want: NonNullable<Conditions[Name]>,
  request: AccessRequest,
) => Omit<FailingCondition, 'condition'> | undefined

/** Whether a condition holds, where no reason is wanted: ten thousand are asked for one answer. */
const HOLDS: {
  readonly [Name in keyof Conditions]-?: (
    want: NonNullable<Conditions[Name]>,
    request: PartialAccessRequest,
  ) => boolean
} = {
  segments: (want, { segment }) => segment === undefined || want.includes(segment.id),
  segmentGroups: (want, { segment }) => segment === undefined || isIn(want, segment.segmentGroup),
  users: (want, { user }) => want.includes(user.id),
  userGroups: (want, { user }) => intersects(want, user.groups),
  devices: (want, { device }) => want.includes(device.id),
  clientKinds: (want, { clientKind }) => want.includes(clientKind),
  posture: (want, { device }) =>
    want.length > 0 && want.every(({ fact, equals }) => factOf(device.posture, fact) === equals),
  time: (want, { nowMs }) => isWithinWindow(want, nowMs),
}
const HOLDS_NAMES = Object.keys(HOLDS) as (keyof Conditions)[]

/** Without a segment the question is whether all else holds. */
export type PartialAccessRequest = Omit<AccessRequest, 'segment'> & Partial<Pick<AccessRequest, 'segment'>>

export type RequestTest = (request: PartialAccessRequest) => boolean

/** Conditions that are alike in many rules: whether one holds is found out once for each request. */
export class SharedTests {
  readonly #known = new Map<string, RequestTest>()

  of<Name extends keyof Conditions>(name: Name, want: NonNullable<Conditions[Name]>): RequestTest {
    const holds = HOLDS[name] as (want: unknown, request: PartialAccessRequest) => boolean
    if (!SHARED.has(name)) return (request) => holds(want, request)
    const key = `${name} ${JSON.stringify(want)}`
    const known = this.#known.get(key) ?? rememberingLast((request) => holds(want, request))
    this.#known.set(key, known)
    return known
  }
}

/** Those that are no lists of ids: people write the same few again and again. */
const SHARED: ReadonlySet<keyof Conditions> = new Set(['clientKinds', 'posture', 'time'])

function rememberingLast(holds: RequestTest): RequestTest {
  let last: PartialAccessRequest | undefined
  let held = false
  return (request) => {
    if (request !== last) {
      held = holds(request)
      last = request
    }
    return held
  }
}

/**
 * Whether none of the conditions fails, without saying which: made once for a rule, and asked with each request.
 *
 * @param known Holds, as whoever asks has seen already.
 */
export function testOf(conditions: Conditions, shared: SharedTests, known?: keyof Conditions): RequestTest {
  const tests = HOLDS_NAMES.flatMap((name) => {
    const want = name === known ? undefined : conditions[name]
    return want === undefined ? [] : [shared.of(name, want)]
  })
  if (tests.length === 1) return tests[0]!
  return (request) => {
    for (const holds of tests) if (!holds(request)) return false
    return true
  }
}

/** In the order they are asked: what the request is about, who asks, from what, when. */
const TESTS: { readonly [Name in keyof Conditions]-?: Test<Name> } = {
  segments: (want, { segment }) => oneOf(want, [segment.id]),
  segmentGroups: (want, { segment }) => oneOf(want, segment.segmentGroup ? [segment.segmentGroup] : []),
  users: (want, { user }) => oneOf(want, [user.id]),
  userGroups: (want, { user }) =>
    intersects(want, user.groups) ? undefined : { wanted: want, seen: user.groups },
  devices: (want, { device }) => oneOf(want, [device.id]),
  clientKinds: (want, { clientKind }) => oneOf(want, [clientKind]),
  posture: (want, { device }) => {
    if (want.length === 0) return { wanted: [], seen: [] }
    const failing = want.find(({ fact, equals }) => factOf(device.posture, fact) !== equals)
    if (failing === undefined) return undefined
    const value = factOf(device.posture, failing.fact)
    return {
      wanted: [`${failing.fact} = ${failing.equals}`],
      seen: [value === undefined ? `${failing.fact} is not reported` : `${failing.fact} = ${value}`],
    }
  },
  time: (want, { nowMs }) => {
    if (isWithinWindow(want, nowMs)) return undefined
    const { day, minute } = localTime(nowMs, want.zone)
    return {
      wanted: [`${want.days.join(' ')} ${want.from}-${want.to} ${want.zone}`],
      seen: [`${day} ${two(Math.floor(minute / 60))}:${two(minute % 60)} ${want.zone}`],
    }
  },
}

export const CONDITION_NAMES = Object.keys(TESTS) as (keyof Conditions)[]

/** The conditions that do not hold, in the order they are asked; none if the rule matches. Lazy: most rules fail early. */
export function* failingConditions(
  conditions: Conditions,
  request: AccessRequest,
): Generator<FailingCondition> {
  for (const condition of CONDITION_NAMES) {
    const failed = tryCondition(condition, conditions, request)
    if (failed) yield { condition, ...failed }
  }
}

function tryCondition<Name extends keyof Conditions>(
  name: Name,
  conditions: Conditions,
  request: AccessRequest,
): Omit<FailingCondition, 'condition'> | undefined {
  const want = conditions[name]
  return want === undefined ? undefined : (TESTS[name] as Test<Name>)(want, request)
}

function isIn(wanted: readonly string[], id: string | undefined): boolean {
  return id !== undefined && wanted.includes(id)
}

function oneOf(
  wanted: readonly string[],
  seen: readonly string[],
): Omit<FailingCondition, 'condition'> | undefined {
  return seen.some((value) => wanted.includes(value)) ? undefined : { wanted, seen }
}

/** Facts come from devices: a fact called `constructor` is not there because every object has one. */
function factOf(posture: AccessRequest['device']['posture'], fact: string): PostureValue | undefined {
  return Object.hasOwn(posture, fact) ? posture[fact] : undefined
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
