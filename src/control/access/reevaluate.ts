import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { nextTurn, turnIsOver } from '../../base/slices.ts'
import type { IssuedGrant } from '../../store/revocations.ts'
import type { Repositories, Store } from '../../store/store.ts'
import { batches, type ControlMessage, cutText, MAX_LIST_BYTES, MAX_REVOKED } from '../../wire/control.ts'
import type { PolicyNow } from '../base/policy-now.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import type { Presence } from '../presence/presence.ts'
import type { EndedGrantSessions, LiveGrants } from './live-grants.ts'
import { type Objection, objection } from './objection.ts'

export interface ReevaluateDeps {
  readonly store: Store
  readonly presence: Presence
  readonly live: LiveGrants
  readonly policy: PolicyNow
  readonly clock: Clock
  readonly log: Log
}

/** One that policy would not give today. */
interface EndedGrant extends Objection {
  readonly grant: IssuedGrant
}

/** As many are looked at, and ended, together: others write between. */
const AT_ONCE = 256

/**
 * Asks policy again about every grant that sessions may rest on, and revokes those it would not give today: at
 * once when something changed, and every so often because conditions such as time change by themselves.
 * Connectors cut the sessions that rest on them.
 */
export async function reevaluate(deps: ReevaluateDeps): Promise<void> {
  const { store, live, clock, policy } = deps
  const before = await policy()
  const nowMs = clock.nowMs()
  const failed: unknown[] = []
  for await (const grants of someAtOnce(live.at(nowMs))) {
    const ended = await objectionable(deps, before, grants, store)
    if (ended.length > 0) await revoke(deps, before, ended).catch((error: unknown) => failed.push(error))
  }
  const cut = new Cut(deps)
  for await (const entries of someAtOnce(live.carriedAt(nowMs))) {
    const grants = await asGiven(store, entries)
    const ended = await objectionable(deps, before, grants, store)
    if (ended.length === 0) continue
    const still = await store.transaction((tx) => stillIn(tx, deps, before, ended))
    cut.add(still)
    tell(deps, still)
  }
  await cut.keep()
  if (failed.length > 0) throw failed[0]
}

async function* someAtOnce<Item>(items: Iterable<Item>): AsyncGenerator<Item[]> {
  let some: Item[] = []
  for (const item of items) {
    if (some.push(item) < AT_ONCE) continue
    yield some
    some = []
    if (turnIsOver()) await nextTurn()
  }
  if (some.length > 0) yield some
}

/** As it was given out, for the one port that the sessions have which rest on it. */
async function asGiven(store: Store, entries: readonly EndedGrantSessions[]): Promise<IssuedGrant[]> {
  const given = await store.revocations.given([...new Set(entries.map(({ grant }) => grant))])
  const networks = new Map(given.map((issued) => [issued.id, issued.networks]))
  return entries.map(({ grant, user, device, segment, rule, host, connector, protocol, port }) => {
    const of = { deviceId: device, userId: user, segmentId: segment, ruleId: rule, connectorId: connector }
    const ports = { tcp: [], udp: [], [protocol]: [[port, port]] }
    return { id: grant, ...of, host, ports, networks: networks.get(grant), expiresMs: 0 }
  })
}

async function objectionable(
  { clock, log }: ReevaluateDeps,
  policy: PolicySnapshot,
  grants: readonly IssuedGrant[],
  from: Pick<Repositories, 'devices'>,
): Promise<EndedGrant[]> {
  const devices = await from.devices.holders(grants.map(({ deviceId }) => deviceId))
  const ended: EndedGrant[] = []
  for (const grant of grants) {
    if (turnIsOver()) await nextTurn()
    try {
      const device = devices.get(grant.deviceId)
      const objected = objection(policy, grant, { device, nowMs: clock.nowMs() })
      if (objected !== undefined) ended.push({ grant, ...objected })
    } catch (error) {
      // A defect in looking at one grant is no reason to cut it, nor to leave the others unlooked at.
      log.error(
        { event: 'grant.unjudged', grantId: grant.id, err: error },
        'a live grant could not be evaluated',
      )
    }
  }
  return ended
}

/**
 * Of what policy would not give, what it would not give as of this transaction either: while others were looked at, it may
 * have changed, and given anew what it did not give before.
 */
async function stillIn(
  tx: Repositories,
  deps: ReevaluateDeps,
  before: PolicySnapshot,
  ended: readonly EndedGrant[],
): Promise<readonly EndedGrant[]> {
  const now = await deps.policy(tx)
  if (now === before) return ended
  return objectionable(
    deps,
    now,
    ended.map(({ grant }) => grant),
    tx,
  )
}

/** Durable before anybody is told: whoever is away learns it with the next welcome. */
async function revoke(
  deps: ReevaluateDeps,
  before: PolicySnapshot,
  ended: readonly EndedGrant[],
): Promise<void> {
  const { store, live, log } = deps
  let revoked = ended
  try {
    revoked = await store.transaction(async (tx) => {
      const still = await stillIn(tx, deps, before, ended)
      for (const { grant, why } of still) {
        if (turnIsOver()) await nextTurn()
        await tx.revocations.revokeGrants([grant.id], { reason: why, expiresMs: grant.expiresMs })
        await tx.audit.append({
          actor: 'policy',
          action: 'grant.revoke',
          object: `grant ${grant.id}`,
          detail: {
            host: grant.host,
            user: grant.userId,
            device: grant.deviceId,
            connector: grant.connectorId,
            why,
          },
        })
      }
      return still
    })
  } catch (error) {
    // What cannot be kept is cut all the same, and tried again at the next look: it is still among the live ones.
    tell(deps, ended)
    throw error
  }
  for (const { grant, why } of revoked) {
    live.remove(grant.id)
    log.warn(
      { event: 'grant.revoked', grantId: grant.id, user: grant.userId, host: grant.host, why },
      `grant to ${grant.host} revoked: ${why}`,
    )
  }
  tell(deps, revoked)
}

/**
 * Of grants that have ended only the connector speaks, so what it says costs one record of it, not one for each: it
 * could make them up. It tells of them again if it does not hear this.
 */
class Cut {
  readonly #deps: ReevaluateDeps
  readonly #byConnector = new Map<string, { readonly first: EndedGrant; grants: number }>()

  constructor(deps: ReevaluateDeps) {
    this.#deps = deps
  }

  add(ended: readonly EndedGrant[]): void {
    for (const one of ended) {
      const { connectorId, id } = one.grant
      const known = this.#byConnector.get(connectorId)
      if (known === undefined) this.#byConnector.set(connectorId, { first: one, grants: 1 })
      else known.grants++
      this.#deps.live.dropCarried(connectorId, id)
    }
  }

  async keep(): Promise<void> {
    const { store, log } = this.#deps
    for (const [connector, { first, grants }] of this.#byConnector) {
      const { grant, why } = first
      const detail = { connector, grants, first: grant.id, host: grant.host, user: grant.userId, why }
      await store.audit.append({
        actor: 'policy',
        action: 'grant.cut',
        object: `connector ${connector}`,
        detail,
      })
      log.warn(
        { event: 'grant.cut', ...detail },
        `sessions of connector ${connector} on ${grants} revoked grants are closed: ${why}`,
      )
    }
  }
}

/** Connectors cut, clients forget. Whoever is away learns it with the next welcome. */
function tell(deps: ReevaluateDeps, ended: readonly EndedGrant[]): void {
  const byAgent = new Map<string, { grants: string[]; told: string }>()
  for (const { grant, told } of ended) {
    for (const agent of [grant.connectorId, grant.deviceId]) {
      const entry = byAgent.get(agent) ?? { grants: [], told }
      entry.grants.push(grant.id)
      byAgent.set(agent, entry)
    }
  }
  for (const [agent, { grants, told }] of byAgent) {
    const agents = [deps.presence.connector(agent), ...deps.presence.clients(agent)]
    for (const one of agents) one?.channel.sendAll(revocation(grants, told))
  }
}

/** However many there are, in messages that are not too long. */
export function revocation(
  ids: Iterable<string>,
  why: string,
): Extract<ControlMessage, { type: 'revoke' }>[] {
  const limits = { maxBytes: MAX_LIST_BYTES, maxItems: MAX_REVOKED }
  const detail = cutText(why, 256)
  return [...batches(new Set(ids), limits)].map((grants) => ({ type: 'revoke', grants, detail }))
}
