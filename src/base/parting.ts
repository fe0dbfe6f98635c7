/**
 * Why an agent ends its control connection in good order: the reason in its close frame (RFC 6455, 5.5.1), `WHY` or
 * `WHY DETAIL`. Earlier versions give none, and whoever does not know a word takes it for none.
 *
 * @module
 */

/** Who or what ends it; the process goes with those of the first line, the others are about to dial anew. */
export const PARTINGS = [
  ...(['shutdown', 'service-stop', 'service-restart', 'upgrade', 'signal', 'parent-gone'] as const),
  ...(['certificate', 'keys', 'clock', 'edge', 'done'] as const),
] as const
export type PartingWhy = (typeof PARTINGS)[number]

export interface Parting {
  readonly why: PartingWhy
  /** What is known beyond: a signal, a version, by how much a clock jumped. */
  readonly detail?: string
}

/** What a close frame has room for, with its code. */
const MAX_BYTES = 123

export function writeParting({ why, detail }: Parting): string {
  const plain = detail?.replace(/[^\x20-\x7e]/g, '?') ?? ''
  return `${why} ${plain}`.trim().slice(0, MAX_BYTES)
}

export function readParting(reason: string): Parting | undefined {
  const [, why = '', detail] = /^(\S+)(?: (.+))?$/.exec(reason) ?? []
  return isWhy(why) ? { why, ...(detail === undefined ? {} : { detail }) } : undefined
}

function isWhy(word: string): word is PartingWhy {
  return (PARTINGS as readonly string[]).includes(word)
}
