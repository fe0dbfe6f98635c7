/**
 * Which names clients send straight to the internet: worked out once for all of them, and told when it changes.
 *
 * @module
 */
import type { Log } from '../../base/log.ts'
import { inSlices, nextTurn, type Steps, turnIsOver } from '../../base/slices.ts'
import { widerPatterns } from '../../policy/lanes.ts'
import { encodedBytes } from '../../wire/control.ts'
import { type Lanes, MAX_LANE_PATTERNS } from '../../wire/lanes.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import type { Presence } from '../presence/presence.ts'

const NONE: Lanes = { bypass: [], claimed: [] }
/** Of the welcome, in which much else has to fit. */
const MAX_BYTES = 30_000

/** @returns undefined if it is too much to be told; half of it could send a private name outside. */
export function* lanesOf(policy: PolicySnapshot): Steps<Lanes | undefined> {
  const rules = new Map<string, string>()
  for (const { name, domains } of policy.internetRules) {
    for (const domain of domains) if (!rules.has(domain)) rules.set(domain, name)
  }
  if (rules.size === 0) return NONE
  const claimed = new Set<string>()
  for (const segment of policy.segments) {
    yield
    if (!segment.enabled) continue
    for (const host of segment.hosts) {
      if ([host, ...widerPatterns(host)].some((pattern) => rules.has(pattern))) claimed.add(host)
    }
  }
  const bypass = [...rules].map(([pattern, rule]) => ({ pattern, rule }))
  const tooMany = bypass.length > MAX_LANE_PATTERNS || claimed.size > MAX_LANE_PATTERNS
  const lanes = { bypass, claimed: [...claimed] }
  return tooMany || encodedBytes(lanes) > MAX_BYTES ? undefined : lanes
}

export interface LaneUpdatesDeps {
  readonly policy: () => Promise<PolicySnapshot>
  readonly presence: Presence
  readonly log: Log
}

export class LaneUpdates {
  readonly #deps: LaneUpdatesDeps
  #told = JSON.stringify(NONE)
  #known: { readonly version: number; readonly lanes: Promise<Lanes> } | undefined

  constructor(deps: LaneUpdatesDeps) {
    this.#deps = deps
  }

  /** As they are now: for a client that has just come. Thousands that come at once cost one look. */
  async now(): Promise<Lanes> {
    const policy = await this.#deps.policy()
    if (this.#known?.version !== policy.version) {
      this.#known = { version: policy.version, lanes: this.#work(policy) }
    }
    return this.#known.lanes
  }

  async #work(policy: PolicySnapshot): Promise<Lanes> {
    const lanes = await inSlices(lanesOf(policy))
    if (lanes !== undefined) return lanes
    this.#deps.log.error(
      { event: 'lanes.too-many' },
      `Internet rules contain more than ${MAX_LANE_PATTERNS} patterns, or overlap that many segments: clients bypass nothing`,
    )
    return NONE
  }

  /** Tells every client, if it is not what they know. One call after the other: the last thing told is the latest. */
  async policyChanged(): Promise<void> {
    const lanes = await this.now()
    const text = JSON.stringify(lanes)
    if (text === this.#told) return
    this.#told = text
    for (const { channel } of [...this.#deps.presence.allClients()]) {
      if (turnIsOver()) await nextTurn()
      channel.send({ type: 'lanes', lanes })
    }
  }
}
