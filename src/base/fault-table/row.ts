/** The places a connection can fail, in the order a byte meets them. */
export const HOPS = ['client', 'edge', 'control', 'connector', 'dns', 'application'] as const
export type Hop = (typeof HOPS)[number]

/** What the table says of one code. */
export interface FaultRow {
  /** The hop that owns the failure. */
  readonly hop: Hop
  /** Number of the story in docs/faults.md that this belongs to; faults without one need no story. */
  readonly scenario?: number
  /** Can trying again help, with nothing changed by a person? */
  readonly retry: boolean
  /** As a condition it is logged and shown once it has lasted so long; none: at once. What is over before was a hiccup. */
  readonly visibleAfterMs?: number
  readonly title: string
  /** What a verdict quotes as seen, in the order in which a person asks for it; parts are set off by semicolons. */
  readonly evidence: string
  readonly cause: string
  readonly fix: string
  readonly verify: string
  /** Faults that bring this one about: where one of them was seen too, this one is its echo. fault-causes.ts reads it. */
  readonly dependsOn: readonly string[]
}
