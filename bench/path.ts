/**
 * What a peer is, and what it gives: a way from here to the application.
 *
 * @module
 */

import type { Application, Services } from './application.ts'
import type { Certificates } from './certificates.ts'
import type { Children } from './children.ts'

/** The three places a chain has, whatever a peer calls them. */
export const ROLES = ['client', 'edge', 'connector'] as const
export type Role = (typeof ROLES)[number]

/** What a peer may use. */
export interface Site {
  /** A fresh folder for this start. */
  readonly dir: string
  readonly certificates: Certificates
  readonly application: Application
  /** Where our own processes leave CPU profiles; absent, they make none. */
  readonly profileDir?: string
  /** Where our own processes say what memory they have, when they are asked; absent, they do not listen for it. */
  readonly looksDir?: string
}

/** One running chain; disposing it ends all of its processes. */
export interface Path extends AsyncDisposable {
  /** Where to connect; the far end of each address is that service of the application. */
  readonly to: Services
  /** Process ids per place, each standing for everything below it. */
  readonly processes: Readonly<Partial<Record<Role, readonly number[]>>>
  /** Who run in it: their logs tell why it stopped serving. Absent where there is nobody. */
  readonly children?: Children
  /** Something a reader of the figures must know. */
  readonly note?: string
}

export type Protection =
  | 'none'
  | 'end to end'
  /** End to end, and once more on each hop. */
  | 'end to end + hop'
  /** Each hop for itself: whoever runs the edge can read everything. */
  | 'each hop, decrypted at the edge'
  /** From the far side to the relay; what the user sends there is plain. */
  | 'one hop of two'

export interface Peer {
  /** lower-kebab-case: the name in options and results. */
  readonly name: string
  readonly title: string
  readonly protection: Protection
  /** Programs it needs; when one is missing the peer is named and skipped. */
  readonly commands: readonly string[]
  /** The Debian packages that bring them; none where it is built from its source, as bench/README.md says. */
  readonly packages: readonly string[]
  /** What prints its version, where no package knows it. */
  readonly version?: readonly [string, ...string[]]
  /** What it does not do that ours does: a reader of the figures must not take like for unlike. */
  readonly lacks: string
  readonly needsNamespace?: boolean
  readonly needsRoot?: boolean
  start(site: Site): Promise<Path>
}
