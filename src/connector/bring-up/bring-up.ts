/**
 * The six stages between a cold start and a connector that serves, as a pure function over what happened.
 * Daemon, status and log all show the same six, and which one is red.
 *
 *     1 daemon → 2 names and clock → 3 TCP and TLS → 4 identity → 5 control → 6 canary: healthy
 *
 * A stage that begins again, or fails, takes those after it back to waiting. Identity stays passed once there is
 * one: losing the network does not lose it.
 *
 * @module
 */
import type { Fault, FaultCode } from '../../base/faults.ts'

export const STAGES = {
  1: 'daemon started',
  2: 'names resolved and clock compared',
  3: 'TCP and TLS to an edge',
  4: 'key exchanged for certificate',
  5: 'control channel up',
  6: 'canary through the data path',
} as const
export type StageNumber = keyof typeof STAGES
export const STAGE_NUMBERS: readonly StageNumber[] = [1, 2, 3, 4, 5, 6]
const IDENTITY_STAGE = 4

export type Stage =
  | { readonly is: 'waiting' }
  | { readonly is: 'running'; readonly sinceUs: number }
  | { readonly is: 'passed'; readonly durationUs: number }
  | { readonly is: 'failed'; readonly durationUs: number; readonly fault: Fault }

export type BringUp = Readonly<Record<StageNumber, Stage>>

export type BringUpEvent =
  | { readonly on: 'begin'; readonly stage: StageNumber; readonly atUs: number }
  | { readonly on: 'pass'; readonly stage: StageNumber; readonly atUs: number }
  | { readonly on: 'fail'; readonly stage: StageNumber; readonly atUs: number; readonly fault: Fault }

const WAITING: Stage = { is: 'waiting' }
export const COLD: BringUp = { 1: WAITING, 2: WAITING, 3: WAITING, 4: WAITING, 5: WAITING, 6: WAITING }

/** Pure: the stages after `event`. */
export function next(before: BringUp, event: BringUpEvent): BringUp {
  const { stage, atUs } = event
  const was = before[stage]
  const durationUs = was.is === 'running' ? Math.max(0, atUs - was.sinceUs) : 0
  switch (event.on) {
    case 'begin':
      return { ...withoutLater(before, stage), [stage]: { is: 'running', sinceUs: atUs } }
    case 'pass':
      return { ...before, [stage]: { is: 'passed', durationUs } }
    case 'fail':
      return { ...withoutLater(before, stage), [stage]: { is: 'failed', durationUs, fault: event.fault } }
    default:
      return event satisfies never
  }
}

function withoutLater(before: BringUp, stage: StageNumber): BringUp {
  const after: Record<StageNumber, Stage> = { ...before }
  for (const later of STAGE_NUMBERS) {
    const keeps = later === IDENTITY_STAGE && before[later].is === 'passed'
    if (later > stage && !keeps) after[later] = WAITING
  }
  return after
}

/** The stage that a fault of the way to control belongs to. */
export function stageOf(code: FaultCode): StageNumber {
  if (NAMES_AND_CLOCK.has(code)) return 2
  if (WAY_TO_EDGE.has(code)) return 3
  if (IDENTITY.has(code)) return 4
  return 5
}

const NAMES_AND_CLOCK: ReadonlySet<FaultCode> = new Set([
  'EDGE_NAME_NXDOMAIN',
  'RESOLVER_UNREACHABLE',
  'CLOCK_SKEW',
])
const WAY_TO_EDGE: ReadonlySet<FaultCode> = new Set([
  'EGRESS_BLOCKED',
  'EGRESS_REJECTED',
  'EDGE_UNREACHABLE',
  'TLS_INTERCEPTED',
  'PIN_MISMATCH',
  'EDGE_CERT_EXPIRED',
  'PEER_REFUSED',
  'PROXY_UNREACHABLE',
  'PROXY_AUTH',
  'PROXY_REFUSED',
  'HANDSHAKE_TIMEOUT',
  'EDGE_BUSY',
  'EDGE_DRAINING',
  // Of this machine, and met on the way there.
  'FD_EXHAUSTED',
  'CONNECTOR_OVERLOADED',
  'LOOKUPS_BUSY',
])
const IDENTITY: ReadonlySet<FaultCode> = new Set([
  'KEY_MISSING',
  'KEY_MALFORMED',
  'KEY_UNREADABLE',
  'KEY_EXPIRED',
  'KEY_EXHAUSTED',
  'KEY_REVOKED',
  'KEY_UNKNOWN',
  'KEY_WRONG_GROUP',
  'WRONG_CONNECTOR_KIND',
  'SEAL_BROKEN',
  'IDENTITY_CLONED',
  'IDENTITY_REVOKED',
  'CERT_EXPIRED',
])

export const OWN_STATES = [
  'enrolling',
  'connected',
  'healthy',
  'degraded',
  'draining',
  'disconnected',
] as const
export type ConnectorState = (typeof OWN_STATES)[number]

/** Pure: the one state that these facts make. */
export function stateOf(facts: {
  stages: BringUp
  draining: boolean
  failingApplications: number
}): ConnectorState {
  if (facts.draining) return 'draining'
  if (facts.stages[4].is !== 'passed') return 'enrolling'
  if (facts.stages[5].is !== 'passed') return 'disconnected'
  if (facts.stages[6].is !== 'passed') return 'connected'
  return facts.failingApplications > 0 ? 'degraded' : 'healthy'
}
