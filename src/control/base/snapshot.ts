import type { ConnectorKind } from '../../api/specs.ts'
import type { RuleIndex } from '../../policy/rule-index.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import type { SegmentIndex } from '../../policy/segment-index.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { UnreadableObject } from './policy-objects.ts'

export interface PolicyUser {
  readonly name: string
  readonly enabled: boolean
  readonly groups: readonly string[]
}

/** A connector group behind a segment whose members do not serve private applications. */
export interface WrongKind {
  readonly id: string
  readonly name: string
  readonly kind: Exclude<ConnectorKind, 'app'>
}

/** Everything a decision rests on, as of one policy version. */
export interface PolicySnapshot {
  readonly version: number
  readonly segments: readonly PolicySegment[]
  readonly destinations: SegmentIndex
  readonly rules: RuleIndex
  /** Those that are enabled: names that clients send straight to the internet. */
  readonly internetRules: readonly { readonly name: string; readonly domains: readonly string[] }[]
  /** By id. */
  readonly users: ReadonlyMap<string, PolicyUser>
  /** What is stored and could not be read, by id: it is closed, and nothing that stands is taken away because of it. */
  readonly unreadable: ReadonlyMap<string, UnreadableObject>
  /** Ids of the enabled connector groups behind a segment, those that only take over last. */
  connectorGroupsOf(segment: PolicySegment): string[]
  /** Those of them that serve only while no other does. */
  failoverGroupsOf(segment: PolicySegment): string[]
  /** Segments, the disabled too, that this connector group is behind. */
  segmentsBehind(group: string): readonly PolicySegment[]
  /** Which of these groups hold no App Connectors, and what they hold. */
  wrongKinds(groups: readonly string[]): WrongKind[]
  /** Connectors of these groups, the disabled too. */
  members(groups: readonly string[]): ConnectorRecord[]
  connector(id: string): ConnectorRecord | undefined
}
