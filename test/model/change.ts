/** What can happen to an installation, as plain values: a sequence of them can be cut short, printed and run again. */

export type Kind =
  | ('connector-group' | 'server' | 'server-group' | 'segment-group' | 'segment' | 'user-group' | 'user')
  | ('posture-fact' | 'access-rule' | 'internet-rule' | 'edge')

export type Posture = Readonly<Record<string, string | number | boolean>>

export interface To {
  readonly host: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
}

export type Change =
  /** Written as a whole: made where it is not there. */
  | { readonly do: 'put'; readonly kind: Kind; readonly name: string; readonly spec: object }
  /** Some fields, by merge patch; also another name. */
  | { readonly do: 'patch'; readonly kind: Kind; readonly name: string; readonly fields: object }
  | { readonly do: 'delete'; readonly kind: Kind; readonly name: string }
  /** Several at once, in one transaction. */
  | {
      readonly do: 'apply'
      readonly documents: readonly { readonly kind: Kind; readonly name: string; readonly spec: object }[]
    }
  | { readonly do: 'device'; readonly device: string; readonly fields: object }
  | { readonly do: 'delete-device'; readonly device: string }
  | { readonly do: 'connector'; readonly connector: string; readonly fields: object }
  | { readonly do: 'delete-connector'; readonly connector: string }
  | { readonly do: 'sign-out'; readonly user?: string; readonly device?: string }
  | { readonly do: 'sign-in'; readonly device: string; readonly hours: number }
  | { readonly do: 'password'; readonly user: string; readonly word: string }
  /** A client process of a device connects; several may be there at once. */
  | {
      readonly do: 'client-comes'
      readonly device: string
      readonly process: number
      readonly posture: Posture
    }
  | { readonly do: 'client-goes'; readonly device: string; readonly process: number }
  | { readonly do: 'connector-comes'; readonly connector: string }
  | { readonly do: 'connector-goes'; readonly connector: string }
  | { readonly do: 'ask'; readonly device: string; readonly process: number; readonly to: To }
  | { readonly do: 'close'; readonly nth: number }
  | { readonly do: 'later'; readonly ms: number }
  /** To the next full minute, and so far behind or before it. */
  | { readonly do: 'minute'; readonly ms: number }
  /**
   * One of them changes what is allowed, the others ask: all begin together, each so many steps of the event loop behind
   * the one before, so that each comes upon the others in the middle of their work.
   */
  | { readonly do: 'together'; readonly all: readonly Change[]; readonly gaps: readonly number[] }
