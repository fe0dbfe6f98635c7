import type net from 'node:net'
import type { Destination } from '../address/destination.ts'

/** What a program's connection came in by. */
export type CameBy =
  /** `startedUs`: monotonic, of the process that says it; when it came. */
  | { readonly by: 'forward'; readonly to: Destination; readonly startedUs: number }
  | { readonly by: 'local-proxy' }

/** Other processes of this client that can carry a session. */
export interface Elsewhere {
  /**
   * @param socket Admitted, and nothing of it has been read.
   * @returns Whether one of them serves it now: it is closed here when that is over.
   */
  take(socket: net.Socket, came: CameBy): boolean
}

export const NOWHERE: Elsewhere = { take: () => false }
