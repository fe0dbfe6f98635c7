/**
 * Connectors that served a segment and were deleted. Where nobody is left to serve, that is why: admins read who deleted
 * which and when, and that it still knocks; a user reads which an admin deleted, and when.
 *
 * @module
 */
import { rfc3339 } from '../../base/clock.ts'
import { type Deletion, deletedText } from '../../store/deletions.ts'
import type { Repositories } from '../../store/store.ts'
import type { FaultMessage } from '../../wire/control.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import type { Departures } from '../presence/departures.ts'

/** The newest; whoever wants more reads the audit log. */
const MAX_TOLD = 3

export interface WhoServedDeps {
  readonly store: Pick<Repositories, 'objects'>
  readonly policy: () => Promise<PolicySnapshot>
  readonly departures: Pick<Departures, 'of'>
}

interface ServedBy {
  /** For admins. */
  readonly full: FaultMessage
  /** For the user who was refused. */
  readonly told: FaultMessage
}

/** Both are the fault as it came, where it does not say that nobody serves. */
export async function withWhoServed(deps: WhoServedDeps, fault: FaultMessage): Promise<ServedBy> {
  const same = { full: fault, told: fault }
  if (fault.code !== 'NO_HEALTHY_CONNECTOR') return same
  const policy = await deps.policy()
  const segment = policy.segments.find(({ name }) => name === fault.seen?.segment)
  if (segment === undefined) return same
  const groups = policy.connectorGroupsOf(segment)
  const gone = await goneFrom(deps, policy, groups)
  const [group] = gone.map((one) => one.group).concat(groups)
  const groupName = (await deps.store.objects.find('connector-group', group ?? ''))?.name
  if (gone.length === 0) return both(fault, { groupName })
  const deleted = gone.map(({ name }) => name)
  const seen = { groupName, deleted }
  return {
    full: among(
      fault,
      gone.map((one) => `it was ${deletedText(one)}${knocks(deps, one)}`),
      seen,
    ),
    told: among(
      fault,
      gone.map(({ atMs }) => `an admin deleted it at ${rfc3339(atMs)}`),
      seen,
    ),
  }
}

/** By policy: each deletion makes another one, so nobody who asks again and again has the audit log read again. */
const deletions = new WeakMap<PolicySnapshot, Deletion[]>()

/** Whoever was enrolled behind it took its place. */
async function goneFrom(
  { store }: WhoServedDeps,
  policy: PolicySnapshot,
  groups: readonly string[],
): Promise<Deletion[]> {
  const newestMs = Math.max(0, ...policy.members(groups).map(({ enrolledMs }) => enrolledMs))
  const all = deletions.get(policy) ?? (await store.objects.deletions('connector'))
  deletions.set(policy, all)
  return all.filter(({ group = '', atMs }) => groups.includes(group) && atMs > newestMs).slice(0, MAX_TOLD)
}

function knocks({ departures }: WhoServedDeps, { id }: Deletion): string {
  const { refused } = departures.of(id)
  return refused === undefined
    ? ''
    : `, and still tries to connect: last at ${rfc3339(refused.atMs)} from ${refused.address}`
}

function both(fault: FaultMessage, more: { groupName?: string }): ServedBy {
  const one = { ...fault, seen: known({ ...fault.seen, ...more }) }
  return { full: one, told: one }
}

/** Those that are gone stand behind the members that are out, each with its reason. */
function among(
  fault: FaultMessage,
  reasons: readonly string[],
  more: { groupName?: string; deleted: string[] },
): FaultMessage {
  const before = fault.seen?.members
  const members = [
    ...(Array.isArray(before) ? before : []),
    ...reasons.map((reason, at) => `${more.deleted[at]}: ${reason}`),
  ]
  const detail = `segment ${fault.seen?.segment}: ${members.join('; ')}`
  return { ...fault, detail, seen: known({ ...fault.seen, ...more, members }) }
}

function known(seen: Record<string, string | number | boolean | string[] | undefined>): FaultMessage['seen'] {
  return Object.fromEntries(
    Object.entries(seen).filter((one): one is [string, string] => one[1] !== undefined),
  )
}
