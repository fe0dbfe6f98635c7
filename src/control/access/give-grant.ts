/**
 * From a question to a grant that is kept: policy, connector, signature, and the transaction in which all of it still
 * holds.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import { asFault, Fault } from '../../base/faults.ts'
import type { Selection } from '../../policy/select.ts'
import type { Repositories, Store } from '../../store/store.ts'
import type { AgentMessage } from '../../wire/control.ts'
import type { Keyring } from '../base/keyring.ts'
import type { PolicyNow } from '../base/policy-now.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import { isSignedIn, whySignedOut } from '../presence/admitted.ts'
import type { SegmentApplication } from '../presence/applications.ts'
import type { Departures } from '../presence/departures.ts'
import type { Connected, Presence } from '../presence/presence.ts'
import { CLIENT_KIND, choose, type Permitted } from './authorize.ts'
import { candidatesOf } from './candidates.ts'
import type { LiveGrants } from './live-grants.ts'
import { keepGrant, type MadeGrant, makeGrant } from './make-grant.ts'
import { permitOrTell } from './told.ts'

export type Authorize = Extract<AgentMessage, { type: 'authorize' }>

export interface GiveGrantDeps {
  readonly tenant: string
  readonly clock: Clock
  readonly store: Store
  readonly presence: Presence
  readonly departures: Departures
  readonly live: LiveGrants
  readonly grantKeys: Keyring
  readonly policy: PolicyNow
}

/** A yes: what was decided, and the grant for it. */
export interface GivenGrant {
  readonly permitted: Permitted
  readonly selection: Selection & { readonly chosen: { readonly id: string; readonly name: string } }
  readonly made: MadeGrant
  readonly userName: string
  readonly policyUs: number
  readonly selectionUs: number
  /** In which it was decided: a connector may have been waited for since, and a time that a rule names be over. */
  readonly minute: number
}

/**
 * Decides, and keeps the grant in a transaction that first looks whether what decided is still in effect, and decides anew
 * where it is not. Nobody waits for a policy that is being made: the one before gives grants until it takes effect, and then
 * all that were given are looked at. So a permission that is taken away either is seen, or finds the grant among the live ones.
 *
 * @throws {Fault} why not.
 */
export async function giveGrant(
  deps: GiveGrantDeps,
  client: Connected,
  asked: Authorize,
): Promise<GivenGrant> {
  const { store, policy, live, clock } = deps
  const question = { client, asked, startUs: clock.monotonicUs() }
  const before = await policy.inEffect()
  const early = await decided(deps, before, store, question)
  let added: string | undefined
  try {
    return await store.transaction(async (tx) => {
      let given: GivenGrant
      let now: PolicySnapshot
      do {
        now = await policy.inEffect(tx)
        // A version that is not in effect yet may be about the device itself, which is looked at as it is.
        const still = now === before && now.version === (await tx.policyVersion())
        given =
          still && minuteOf(clock.nowMs()) === early.minute ? early : await decided(deps, now, tx, question)
      } while (policy.latest() !== now)
      // At once, and before it is durable: the look at live grants that comes with the next policy must find it there.
      live.add(given.made.live)
      added = given.made.live.id
      await keepGrant(tx, given.made)
      return given
    })
  } catch (error) {
    if (added !== undefined) live.remove(added)
    throw error
  }
}

interface GrantQuestion {
  readonly client: Connected
  readonly asked: Authorize
  readonly startUs: number
}

/** @param from The store, or the transaction that is open: nobody is waited for in one. */
async function decided(
  deps: GiveGrantDeps,
  policy: PolicySnapshot,
  from: Pick<Repositories, 'devices' | 'signIns'>,
  { client, asked, startUs }: GrantQuestion,
): Promise<GivenGrant> {
  const { clock, grantKeys, store } = deps
  const device = client.peer.identity.id
  const record = await from.devices.byId(device)
  if (record === undefined || !record.enabled)
    throw new Fault('IDENTITY_REVOKED', `device ${device} is disabled or deleted`)
  if (!isSignedIn(record, clock.nowMs())) throw await whySignedOut(from, record)
  const { userId: user } = record
  const { posture } = record
  const { host, port, protocol } = asked
  const nowMs = clock.nowMs()
  const of = { user, device, posture, clientKind: CLIENT_KIND, nowMs }
  const permitted = permitOrTell(policy, { ...of, host, port, protocol })
  const policyUs = Math.max(0, clock.monotonicUs() - startUs)
  const to = { host: permitted.host, port, protocol }
  const selection = await select(deps, policy, permitted, to, client, from === store)
  const selectionUs = Math.max(0, clock.monotonicUs() - startUs - policyUs)
  const { thumbprint, notAfterMs } = client.peer
  const userName = policy.users.get(user)?.name ?? user
  const grantee = { user, userName, device, thumbprint, notAfterMs, port, protocol }
  const made = await makeGrant(deps, grantKeys.signing, grantee, permitted, selection.chosen)
  return { permitted, selection, made, userName, policyUs, selectionUs, minute: minuteOf(nowMs) }
}

/** Times of rules are whole minutes, in every zone. */
function minuteOf(nowMs: number): number {
  return Math.floor(nowMs / 60_000)
}

/** A connector that has just lost its connection is likely to be back in a moment. */
async function select(
  { presence, departures, clock }: GiveGrantDeps,
  policy: PolicySnapshot,
  { segment }: Permitted,
  to: Omit<SegmentApplication, 'segment'>,
  client: Connected,
  mayWait: boolean,
) {
  const now = () =>
    choose(policy, segment, (groups) =>
      candidatesOf(policy, presence, groups, { client, to, departures, nowMs: clock.nowMs() }),
    )
  try {
    return now()
  } catch (error) {
    if (asFault(error).code !== 'NO_HEALTHY_CONNECTOR' || !mayWait) throw error
    const members = policy.members(policy.connectorGroupsOf(segment))
    if (!(await presence.returning.one(members.map(({ id }) => id)))) throw error
    return now()
  }
}
