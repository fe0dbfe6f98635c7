export type PortRange = readonly [number, number]

export interface PolicySegment {
  readonly id: string
  readonly name: string
  /** Canonical names or addresses, or `*.suffix`. */
  readonly hosts: readonly string[]
  readonly cidrs: readonly string[]
  readonly tcp: readonly PortRange[]
  readonly udp: readonly PortRange[]
  readonly health: 'continuous' | 'onAccess' | 'none'
  readonly segmentGroup?: string
  readonly serverGroups: readonly string[]
  readonly enabled: boolean
  /** Addresses allowed after resolution; empty: any but the forbidden ranges. */
  readonly addressCidrs: readonly string[]
}

export interface Destination {
  readonly host: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
}

export type SegmentMatch =
  | { readonly is: 'found'; readonly segment: PolicySegment }
  | { readonly is: 'wrong-port'; readonly segment: PolicySegment }
  | { readonly is: 'not-covered' }

export function findSegment(_segments: readonly PolicySegment[], _to: Destination): SegmentMatch {
  throw new Error('being written')
}
export function hostMatches(_pattern: string, _host: string): boolean {
  throw new Error('being written')
}
export function portIn(_ranges: readonly PortRange[], _port: number): boolean {
  throw new Error('being written')
}
