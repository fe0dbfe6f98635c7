/** The conditions of a rule, each with what it wants and what it sees. */
import type { AccessRequest, Conditions, FailingCondition, PostureValue } from './rule.ts'
import { isWithin, localTime } from './time-window.ts'

type Test<Name extends keyof Conditions> = (
  want: NonNullable<Conditions[Name]>,
  request: AccessRequest,
) => Omit<FailingCondition, 'condition'> | undefined

/** In the order they are asked: what the request is about, who asks, from what, when. */
const TESTS: { readonly [Name in keyof Conditions]-?: Test<Name> } = {
  segments: (want, { segment }) => oneOf(want, [segment.id]),
  segmentGroups: (want, { segment }) => oneOf(want, segment.segmentGroup ? [segment.segmentGroup] : []),
  users: (want, { user }) => oneOf(want, [user.id]),
  userGroups: (want, { user }) => oneOf(want, user.groups),
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
    if (isWithin(want, nowMs)) return undefined
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
