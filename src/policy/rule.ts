/** Access rules as policy sees them: everything by id, no store behind it. */
import type { PolicySegment } from './segment.ts'

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof WEEKDAYS)[number]

/** Wall-clock window in `zone`. `to` is exclusive; a window over midnight belongs to the day it starts on. */
export interface TimeWindow {
  readonly days: readonly Weekday[]
  /** HH:MM */
  readonly from: string
  /** HH:MM, or 24:00. Equal to `from`: 24 hours. */
  readonly to: string
  /** IANA name, such as Europe/Berlin. */
  readonly zone: string
}

export type PostureValue = string | number | boolean

/**
 * All that are present must hold. Within a list any value will do, save posture: each fact is a condition of its own,
 * so all must hold. An empty list holds for nobody.
 */
export interface Conditions {
  readonly users?: readonly string[]
  readonly userGroups?: readonly string[]
  readonly devices?: readonly string[]
  readonly posture?: readonly { readonly fact: string; readonly equals: PostureValue }[]
  readonly clientKinds?: readonly string[]
  readonly segments?: readonly string[]
  readonly segmentGroups?: readonly string[]
  readonly time?: TimeWindow
}

export interface PolicyRule {
  readonly id: string
  readonly name: string
  /** Lower is asked first; equal orders by id. */
  readonly order: number
  readonly enabled: boolean
  readonly action: 'allow' | 'deny'
  readonly conditions: Conditions
  /** Why some of it could not be read: it denies then, to whoever what could be read of it is about. */
  readonly unreadable?: string
}

export interface AccessRequest {
  readonly user: { readonly id: string; readonly groups: readonly string[] }
  readonly device: { readonly id: string; readonly posture: Readonly<Record<string, PostureValue>> }
  readonly clientKind: string
  readonly segment: PolicySegment
  readonly nowMs: number
}

/** The first condition of a rule that did not hold, with both sides of the comparison. */
export interface FailingCondition {
  readonly condition: keyof Conditions
  readonly wanted: readonly string[]
  readonly seen: readonly string[]
}
