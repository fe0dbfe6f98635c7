import { rfc3339 } from '../base/clock.ts'
import type { Candidate } from './select.ts'

/** What takes two away within this of each other is something that they share. */
const TOGETHER_MS = 60_000

/**
 * Nobody can serve: was there one whose loss alone had to end it? In one sentence for people; nothing where all went
 * together. Pure.
 *
 * @param members Every member of the groups, all of them out.
 */
export function commonCause(members: readonly Candidate[]): string | undefined {
  const [only] = members
  if (only === undefined) return undefined
  if (members.length === 1) return `${only.name} is the only member: a single point of failure`
  const last = lastToGo(members)
  if (last === undefined) return undefined
  const before = members.filter((member) => member !== last)
  if (before.every(({ left, state }) => state === 'disconnected' && isTogether(left, last.left)))
    return undefined
  const names = before.map(({ name }) => name).join(', ')
  const since = Math.max(...before.map(({ left }) => left?.atMs ?? 0))
  const when = since === 0 ? '' : ` at ${rfc3339(since)}`
  return `once ${names} had left${when}, everything depended on ${last.name}: a single point of failure`
}

/** Who still has its connection, or lost it last; nothing where that cannot be told. */
function lastToGo(members: readonly Candidate[]): Candidate | undefined {
  const here = members.filter(({ state }) => state !== 'disconnected' && state !== 'disabled')
  if (here.length > 0) return here.length === 1 ? here[0] : undefined
  const gone = members.filter(({ left, state }) => state === 'disconnected' && left !== undefined)
  const known = gone.length + members.filter(({ state }) => state === 'disabled').length
  if (known < members.length) return undefined
  return gone.sort((a, b) => b.left!.atMs - a.left!.atMs)[0]
}

/** Both fell silent, at one time. Whoever says goodbye is not taken away by anything. */
function isTogether(a: Candidate['left'], b: Candidate['left']): boolean {
  if (a === undefined || b === undefined || a.orderly) return false
  return Math.abs(a.atMs - b.atMs) <= TOGETHER_MS
}
